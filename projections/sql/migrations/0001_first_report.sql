-- The tables a report passes through. Roles exist already (projections.migrate makes them).
-- Every timestamp is timestamptz in UTC; dates are local to the time_zone beside them.

-- Studies -----------------------------------------------------------------------------------------------

create table studies (
    study_id text primary key,
    purpose text not null check (purpose in ('production', 'uat', 'training')),
    title jsonb not null,
    created_at timestamptz not null
);

-- A published version never changes: a new document is a new version.
create table study_versions (
    study_id text not null references studies,
    version text not null,
    document jsonb not null,
    sha256 bytea not null,
    published_at timestamptz not null,
    primary key (study_id, version)
);

-- A site belongs to one study; its id is unique in the system, so that a token's scope is a list of site ids.
create table sites (
    site_id text primary key,
    study_id text not null references studies,
    name text not null,
    time_zone text not null
);

create table instruments (
    study_id text not null references studies,
    instrument text not null,
    version text not null,
    definition jsonb not null,
    sha256 bytea not null,
    primary key (study_id, instrument, version)
);

-- One planned window of a study for everybody in one time zone: the patients who start on the same day share
-- it, and so do patients of different start days whose plans meet. Immutable, so processes may cache it.
create table slots (
    slot_id bigint generated always as identity primary key,
    study_id text not null references studies,
    schedule_version text not null,
    visit_code text not null,
    visit_name jsonb not null,
    planned_date date not null,
    time_zone text not null,
    opens_at timestamptz not null,
    closes_at timestamptz not null,
    late_until timestamptz not null,
    required text[] not null check (cardinality(required) > 0),
    optional text[] not null,
    check (opens_at < closes_at and closes_at <= late_until),
    unique (study_id, schedule_version, visit_code, planned_date, time_zone)
);

-- People ------------------------------------------------------------------------------------------------

create table users (
    user_id text primary key,
    username text unique,
    role text not null check (role in ('patient', 'doctor', 'admin')),
    password_hash text,
    permissions text[] not null default '{}',
    disabled_at timestamptz
);

create table user_sites (
    user_id text not null references users on delete cascade,
    site_id text not null references sites,
    primary key (user_id, site_id)
);

create table patients (
    patient_id text primary key,
    user_id text not null unique references users,
    study_id text not null references studies,
    site_id text not null references sites,
    time_zone text not null,
    anchor_date date not null,
    schedule_version text not null,
    consented_from timestamptz not null,
    consented_until timestamptz,
    enrolled_at timestamptz not null
);
create index patients_by_site on patients (site_id, patient_id);

-- Names and contacts, apart so that they can be erased without touching a trial record.
create table patient_identities (
    patient_id text primary key references patients on delete cascade,
    name text,
    contact text
);

create table activation_codes (
    code_sha256 bytea primary key,
    user_id text not null references users on delete cascade,
    expires_at timestamptz not null,
    used_at timestamptz
);

-- A login's family: every refresh token that descends from it, and what revokes them together.
create table login_families (
    sid uuid primary key,
    user_id text not null references users on delete cascade,
    created_at timestamptz not null,
    revoked_at timestamptz
);

create table refresh_tokens (
    token_sha256 bytea primary key,
    sid uuid not null references login_families on delete cascade,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    replaced_at timestamptz
);
create index refresh_tokens_by_family on refresh_tokens (sid);

create table login_failures (
    subject text not null,          -- "user:…" or "address:…"
    window_start timestamptz not null,
    failures integer not null,
    primary key (subject, window_start)
);

-- Visits ------------------------------------------------------------------------------------------------

-- `forms` holds, per instrument that is in, {"reportId", "recordedAt", "receivedAt"}; null until the first one.
-- No foreign keys: enrolment alone inserts here, by joining patients with slots, nobody may delete either or
-- change these columns, and checking 1.4 million rows one by one takes four times as long as writing them.
create table visits (
    patient_id text not null,       -- of patients
    visit_id text not null,
    slot_id bigint not null,        -- of slots
    site_id text not null,
    completed_at timestamptz,
    received_at timestamptz,
    timeliness text check (timeliness in ('on_time', 'late')),
    forms jsonb,
    cancelled_at timestamptz,
    primary key (patient_id, visit_id)
) with (fillfactor = 80);

-- Sharded by Kafka partition, so that workers never wait for each other; shard -1 is the enrolment's own.
-- expected counts enrolled visits; the sums over shards are what a board shows.
create table slot_counts (
    site_id text not null,
    slot_id bigint not null references slots,
    shard smallint not null,
    expected integer not null default 0,
    partial integer not null default 0,
    on_time integer not null default 0,
    late integer not null default 0,
    primary key (site_id, slot_id, shard)
) with (fillfactor = 70);

-- The ledger --------------------------------------------------------------------------------------------

-- A topic as one cluster holds it: a topic made anew has another id, and its offsets start again.
create table streams (
    stream_id smallint generated always as identity primary key,
    cluster_id text not null,
    topic_id uuid not null,
    topic text not null,
    unique (cluster_id, topic_id)
);

-- The next offset of each partition, moved by compare-and-set as each transaction's first statement, and the
-- head of the seals' chain.
create table offsets (
    stream_id smallint not null references streams,
    kafka_partition smallint not null,
    first_offset bigint not null,
    next_offset bigint not null,
    seal bytea not null,
    seen_until timestamptz,         -- every record appended before this instant is applied, as the worker last said
    primary key (stream_id, kafka_partition)
) with (fillfactor = 50);

-- Exactly one immutable row per Kafka offset. Partitioned by UTC month of received_at; see create_ledger_months.
create table ledger (
    received_at timestamptz not null,
    stream_id smallint not null,
    kafka_partition smallint not null,
    kafka_offset bigint not null,
    disposition text not null check (disposition in ('accepted', 'duplicate', 'quarantined', 'gap')),
    reason text,                    -- of a quarantine
    first_partition smallint,       -- of a duplicate or a conflict: the row that owns the identity
    first_offset bigint,
    gap_until bigint,               -- of a gap: the last offset of the range that starts at kafka_offset
    patient_id text,
    report_id uuid,
    instrument text,
    instrument_version text,
    recorded_at timestamptz,
    visit_id text,                  -- where it was placed
    placement text check (
        placement in ('completes', 'partial', 'optional', 'extra', 'unscheduled', 'amendment')
    ),
    flags jsonb,                    -- item and clock flags: {"items": {...}, "clock": [...]}
    amends uuid,
    user_id text,
    role text,
    sent_at timestamptz,
    sha256 bytea,
    record_key bytea,               -- kept where it is not the patient's id
    headers jsonb,                  -- kept where they are not the gateway's: [[name, base64 value], ...]
    value bytea,                    -- the bytes as received
    check ((disposition = 'quarantined') = (reason is not null)),
    check ((disposition = 'gap') = (gap_until is not null))
) partition by range (received_at);
create index ledger_by_offset on ledger (stream_id, kafka_partition, kafka_offset);
create index ledger_by_patient on ledger (patient_id, recorded_at) where patient_id is not null;

create table ledger_default partition of ledger default;

-- Makes the month partitions from a month before `since` to `months` ahead; safe to run twice.
create function create_ledger_months(since timestamptz, months integer) returns void
language plpgsql as $$
declare
    first date := (date_trunc('month', since at time zone 'UTC') - interval '1 month')::date;
    month date;
begin
    for month in
        select generate_series(first, first + make_interval(months => months + 1), interval '1 month')::date
    loop
        execute format(
            'create table if not exists %I partition of ledger for values from (%L) to (%L)'
            -- Rows are found by offset or patient, whatever the statistics say: sampling them all day is waste.
            ' with (autovacuum_analyze_threshold = 100000, autovacuum_analyze_scale_factor = 0.5)',
            'ledger_' || to_char(month, 'YYYY_MM'),
            month::text || ' 00:00:00+00',
            (month + interval '1 month')::date::text || ' 00:00:00+00'
        );
    end loop;
end
$$;

-- Until when months are there without a break, from the one that holds `since`; null where that one is missing.
create function ledger_prepared_until(since timestamptz) returns timestamptz
language plpgsql stable as $$
declare
    month timestamp := date_trunc('month', since at time zone 'UTC');
    until timestamptz;
begin
    while to_regclass('ledger_' || to_char(month, 'YYYY_MM')) is not null loop
        month := month + interval '1 month';
        until := month at time zone 'UTC';
    end loop;
    return until;
end
$$;

-- Who owns an identity, for ever: the first readable arrival of somebody who may speak for the patient.
create table report_ids (
    patient_id text not null,
    report_id uuid not null,
    kafka_partition smallint not null,
    kafka_offset bigint not null,
    stream_id smallint not null,
    received_at timestamptz not null,
    sha256 bytea not null,
    primary key (patient_id, report_id)
) with (autovacuum_analyze_threshold = 100000, autovacuum_analyze_scale_factor = 0.5);
create index report_ids_by_report on report_ids (report_id);

-- Reports by somebody who may not speak for the patient: sent again, such a report is a duplicate of its own
-- refused attempt, and the patient's identity stays free.
create table refused_attempts (
    user_id text not null,
    patient_id text not null,
    report_id uuid not null,
    kafka_partition smallint not null,
    kafka_offset bigint not null,
    stream_id smallint not null,
    received_at timestamptz not null,
    sha256 bytea not null,
    primary key (user_id, patient_id, report_id)
);

create table amendments (
    patient_id text not null,
    amends uuid not null,
    report_id uuid not null,
    primary key (patient_id, amends, report_id)
);

-- Each transaction's contiguous range of ledger rows of a partition, sealed with an HMAC chained to the one before.
create table seals (
    stream_id smallint not null,
    kafka_partition smallint not null,
    first_offset bigint not null,
    last_offset bigint not null,
    previous bytea not null,
    seal bytea not null,
    primary key (stream_id, kafka_partition, last_offset)
);

-- The outbox --------------------------------------------------------------------------------------------

-- One row per writing transaction; the relay numbers committed rows, and nobody else ever does.
-- events: [{"id", "type", "studyId", "siteId", "patientId", "at", "data"}, ...]
create table outbox (
    outbox_id bigint generated always as identity primary key,
    written_at timestamptz not null,
    events jsonb not null,
    seals jsonb not null default '[]',
    epoch text,
    batch bigint unique
) with (fillfactor = 80);
create index outbox_unnumbered on outbox (outbox_id) where batch is null;

-- One row: the epoch in force, the last number given, and up to which number Kafka has everything. Numbers go on
-- through a change of epoch.
create table relay_state (
    only_row boolean primary key default true check (only_row),
    epoch text not null,
    lineage text not null,          -- the cluster's system identifier and timeline when the epoch began
    last_batch bigint not null,
    published_batch bigint not null
);

-- Nothing in the record of the trial is edited or removed, whatever a role may be granted by mistake ----------

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = '42501';
end
$$;
create trigger append_only before update or delete on ledger for each row execute function refuse_change();
create trigger no_truncate before truncate on ledger for each statement execute function refuse_change();
create trigger append_only before update or delete on report_ids for each row execute function refuse_change();
create trigger no_truncate before truncate on report_ids for each statement execute function refuse_change();
create trigger append_only before update or delete on refused_attempts
    for each row execute function refuse_change();
create trigger no_truncate before truncate on refused_attempts
    for each statement execute function refuse_change();
create trigger append_only before update or delete on seals for each row execute function refuse_change();
create trigger no_truncate before truncate on seals for each statement execute function refuse_change();
create trigger append_only before update or delete on amendments for each row execute function refuse_change();
create trigger no_truncate before truncate on amendments for each statement execute function refuse_change();
create trigger append_only before update or delete on study_versions for each row execute function refuse_change();
create trigger append_only before update or delete on instruments for each row execute function refuse_change();
create trigger append_only before update or delete on slots for each row execute function refuse_change();

-- Least privilege -----------------------------------------------------------------------------------------

grant usage on schema public to
    eightbells_worker, eightbells_relay, eightbells_api, eightbells_study, eightbells_reader;

grant select on streams, offsets, report_ids, refused_attempts, ledger, visits, slots, patients, user_sites,
    studies, sites, instruments, slot_counts to eightbells_worker;
grant select (user_id, role, disabled_at) on users to eightbells_worker;
grant insert on ledger, report_ids, refused_attempts, amendments, seals, outbox, streams to eightbells_worker;
grant insert, update on offsets, slot_counts to eightbells_worker;
grant update (completed_at, received_at, timeliness, forms) on visits to eightbells_worker;

grant select on outbox, relay_state to eightbells_relay;
grant update (epoch, batch) on outbox to eightbells_relay;
grant insert, update on relay_state to eightbells_relay;

grant select on studies, study_versions, sites, instruments, slots, users, user_sites, patients, patient_identities,
    activation_codes, login_families, refresh_tokens, login_failures, visits, slot_counts, streams, offsets, ledger,
    report_ids, amendments, outbox, relay_state to eightbells_api;
grant insert, update on login_families, refresh_tokens, login_failures to eightbells_api;
grant delete on login_failures, refresh_tokens to eightbells_api;
grant update (used_at) on activation_codes to eightbells_api;
grant update (password_hash) on users to eightbells_api;

grant select, insert on studies, study_versions, sites, instruments, slots, users, user_sites, patients,
    patient_identities, activation_codes, visits, slot_counts, outbox to eightbells_study;
grant update (title) on studies to eightbells_study;
grant update on sites, patients, users, slot_counts to eightbells_study;
grant update (cancelled_at) on visits to eightbells_study;

grant select on studies, sites, instruments, slots, visits, slot_counts, streams, offsets, ledger, report_ids,
    refused_attempts, amendments, seals, outbox, relay_state to eightbells_reader;
