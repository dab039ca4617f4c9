-- name: create_role_statement
select format(
    'do $do$ begin create role %I login; exception when duplicate_object or unique_violation then null; end $do$',
    $1::text
)

-- name: password_statement
select format('alter role %I password %L', $1::text, $2::text)

-- name: create_migrations_table
create table if not exists migrations (
    name text primary key,
    sha256 bytea not null,
    applied_at timestamptz not null
)

-- name: applied_migrations
select name, sha256 from migrations order by name

-- name: record_migration
insert into migrations (name, sha256, applied_at) values ($1, $2, $3)
