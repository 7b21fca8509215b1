-- The database of the vault's keys, and its login, on a PostgreSQL server of their own: what a
-- database administrator runs once, with psql, as a superuser or as the administrator of a managed
-- service (CREATEROLE and CREATEDB). It may be run again at any time.
--
--   psql "host=... user=... dbname=postgres sslmode=verify-full" --file key-store.sql
--   \password consent_registry_keys
--
-- Backups of this server are kept for 35 days at most: for as long a destroyed key can come back.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

SELECT 'CREATE ROLE consent_registry_keys LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'consent_registry_keys') \gexec

-- It stays the administrator's: the login makes one table in it, and cannot drop it.
SELECT 'CREATE DATABASE consent_registry_keys ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'consent_registry_keys') \gexec

REVOKE ALL ON DATABASE consent_registry_keys FROM PUBLIC;
GRANT CONNECT ON DATABASE consent_registry_keys TO consent_registry_keys;

\connect consent_registry_keys
SET client_min_messages = warning;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO consent_registry_keys;
