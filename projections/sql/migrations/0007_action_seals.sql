-- What people did is sealed like the ledger: see projections.action_seals.

-- A seal covers the actions after the one before it, up to and with this one.
create table action_seals (
    last_action_id bigint primary key,
    previous bytea not null unique,
    seal bytea not null,
    kid text not null
);
create trigger append_only before update or delete on action_seals for each row execute function refuse_change();
create trigger no_truncate before truncate on action_seals for each statement execute function refuse_change();

-- The SHA-256 of each action of a range, concatenated, so that whoever may not read people's words can verify too.
create function action_digests(after bigint, until bigint) returns bytea
language sql stable security definer set search_path = public, pg_temp as $$
    select coalesce(string_agg(sha256(convert_to(array_to_json(array[
            action_id::text,
            (extract(epoch from at) * 1000000)::bigint::text,
            user_id,
            role,
            subject,
            subject_id::text,
            site_id,
            patient_id,
            what,
            old::text,
            new::text,
            why
        ])::text, 'UTF8')), ''::bytea order by action_id), ''::bytea)
    from actions where action_id > after and action_id <= until
$$;
revoke execute on function action_digests from public;
grant execute on function action_digests to eightbells_api, eightbells_reader;

grant select, insert on action_seals to eightbells_api;
grant select on action_seals to eightbells_reader;
