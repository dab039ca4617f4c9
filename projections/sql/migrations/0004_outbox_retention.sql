-- The relay forgets old outbox batches: those that have a number and that Kafka has.

create function refuse_delete_of_unpublished() returns trigger language plpgsql as $$
begin
    if old.batch is null or old.batch > (select published_batch from relay_state) then
        raise exception 'this batch has not been published' using errcode = '42501';
    end if;
    return old;
end
$$;
create trigger only_published before delete on outbox
    for each row execute function refuse_delete_of_unpublished();

grant delete on outbox to eightbells_relay;
