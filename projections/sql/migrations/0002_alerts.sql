-- Alerts, adverse events, and what people did about them.

-- Raised by the report worker alone, in the transaction of the ledger row that raised it. The id is a UUIDv5 (see
-- projections.alerts.rules), so that whoever applies the same report again raises nothing. `recorded_at` is the
-- phone's own; stream_id, kafka_partition, kafka_offset and received_at name the ledger row, which holds the answer.
create table alerts (
    alert_id uuid primary key,
    study_id text not null references studies,
    site_id text not null references sites,
    patient_id text not null references patients,
    report_id uuid not null,
    instrument text not null,
    instrument_version text not null,
    rule_id text not null,
    item text not null,
    level text not null check (level in ('routine', 'urgent', 'critical')),
    visit_id text,
    marks text[] not null,
    reason text,                    -- of the report's quarantine
    recorded_at timestamptz not null,
    received_at timestamptz not null,
    raised_at timestamptz not null,
    stream_id smallint not null,
    kafka_partition smallint not null,
    kafka_offset bigint not null,
    acknowledged_at timestamptz,
    acknowledged_by text,           -- this and the next two: users
    assessment text check (assessment in ('not_ae', 'ae', 'sae')),
    assessed_at timestamptz,
    assessed_by text,
    outcome text,
    closed_at timestamptz,
    closed_by text,
    state text not null generated always as (
        case
            when closed_at is not null then 'closed'
            when assessed_at is not null then 'assessed'
            when acknowledged_at is not null then 'acknowledged'
            else 'open'
        end
    ) stored,
    check ((acknowledged_at is null) = (acknowledged_by is null)),
    check ((assessed_at is null) = (assessed_by is null) and (assessed_at is null) = (assessment is null)),
    check ((closed_at is null) = (closed_by is null) and (closed_at is null) = (outcome is null)),
    check (assessed_at is null or acknowledged_at is not null),
    check (closed_at is null or assessed_at is not null)
);
create index alerts_by_time on alerts (raised_at desc, alert_id desc);
create index alerts_by_site on alerts (site_id, raised_at desc, alert_id desc);
create index alerts_by_patient on alerts (patient_id, raised_at desc, alert_id desc);
create index alerts_open on alerts (site_id, level, raised_at desc) where acknowledged_at is null;

-- What a doctor reports, from an alert or directly: at most one from each alert.
create table adverse_events (
    adverse_event_id uuid primary key,
    alert_id uuid unique references alerts,
    study_id text not null references studies,
    site_id text not null references sites,
    patient_id text not null references patients,
    term text not null,
    grade smallint not null check (grade between 1 and 5),
    serious boolean not null check (serious or grade < 5),
    onset date not null,            -- in the patient's zone
    description text,
    reported_at timestamptz not null,
    reported_by text not null
);
create index adverse_events_by_time on adverse_events (reported_at desc, adverse_event_id desc);
create index adverse_events_by_site on adverse_events (site_id, reported_at desc, adverse_event_id desc);
create index adverse_events_by_patient on adverse_events (patient_id, reported_at desc, adverse_event_id desc);

-- What people did: who, in which role, when, to what, from what to what, and why. `user_id` stays when a user goes.
create table actions (
    action_id bigint generated always as identity primary key,
    at timestamptz not null,
    user_id text not null,
    role text not null,
    subject text not null check (subject in ('alert', 'adverse_event')),
    subject_id uuid not null,
    site_id text not null,
    patient_id text not null,
    what text not null,
    old jsonb,
    new jsonb,
    why text
);
create index actions_by_subject on actions (subject, subject_id, action_id);

-- What raised an alert stays as it was, and so does who was first to acknowledge it and who closed it.
create function refuse_change_of_alert() returns trigger language plpgsql as $$
begin
    if (old.alert_id, old.study_id, old.site_id, old.patient_id, old.report_id, old.instrument,
            old.instrument_version, old.rule_id, old.item, old.level, old.visit_id, old.marks, old.reason,
            old.recorded_at, old.received_at, old.raised_at, old.stream_id, old.kafka_partition, old.kafka_offset)
        is distinct from
        (new.alert_id, new.study_id, new.site_id, new.patient_id, new.report_id, new.instrument,
            new.instrument_version, new.rule_id, new.item, new.level, new.visit_id, new.marks, new.reason,
            new.recorded_at, new.received_at, new.raised_at, new.stream_id, new.kafka_partition, new.kafka_offset)
        or old.closed_at is not null
        or (old.acknowledged_at is not null
            and (old.acknowledged_at, old.acknowledged_by) is distinct from (new.acknowledged_at, new.acknowledged_by))
        or (old.assessed_at is not null and new.assessed_at is null)
    then
        raise exception 'what an alert has been through does not change' using errcode = '42501';
    end if;
    return new;
end
$$;
create trigger facts_stay before update on alerts for each row execute function refuse_change_of_alert();
create trigger no_delete before delete on alerts for each row execute function refuse_change();
create trigger no_truncate before truncate on alerts for each statement execute function refuse_change();
create trigger append_only before update or delete on adverse_events for each row execute function refuse_change();
create trigger no_truncate before truncate on adverse_events for each statement execute function refuse_change();
create trigger append_only before update or delete on actions for each row execute function refuse_change();
create trigger no_truncate before truncate on actions for each statement execute function refuse_change();

grant insert, select (alert_id) on alerts to eightbells_worker;

grant select on alerts, adverse_events, actions to eightbells_api;
grant update (acknowledged_at, acknowledged_by, assessment, assessed_at, assessed_by, outcome, closed_at, closed_by)
    on alerts to eightbells_api;
grant insert on adverse_events, actions, outbox to eightbells_api;

-- Not the words people wrote.
grant select (alert_id, study_id, site_id, patient_id, report_id, instrument, instrument_version, rule_id, item, level,
    visit_id, marks, reason, recorded_at, received_at, raised_at, stream_id, kafka_partition, kafka_offset,
    acknowledged_at, acknowledged_by, assessment, assessed_at, assessed_by, closed_at, closed_by, state)
    on alerts to eightbells_reader;
grant select (adverse_event_id, alert_id, study_id, site_id, patient_id, grade, serious, reported_at, reported_by)
    on adverse_events to eightbells_reader;
grant select (action_id, at, user_id, role, subject, subject_id, site_id, patient_id, what)
    on actions to eightbells_reader;
