-- The registry's database, its roles and logins: what a database administrator runs once, with
-- psql, as a superuser or as the administrator of a managed service (CREATEROLE and CREATEDB):
--
--   psql "host=... user=... dbname=postgres sslmode=verify-full" --file registry.sql
--
-- It may be run again at any time: it makes what is missing and sets right what has been changed.
-- Passwords are set apart from it, hashed before they leave psql, so that no log holds them:
--
--   \password consent_registry_owner
--   \password consent_registry_server

\set ON_ERROR_STOP on
SET client_min_messages = warning;

-- What the server may do hangs on this role; the migrations grant it table by table.
SELECT 'CREATE ROLE consent_registry_app NOLOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'consent_registry_app') \gexec

-- Owns the tables, and so could take the guards from the ledger: for `migrate` alone.
SELECT 'CREATE ROLE consent_registry_owner LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'consent_registry_owner') \gexec

-- Server and expiry: appends to the ledger, and alters nothing.
SELECT 'CREATE ROLE consent_registry_server LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'consent_registry_server') \gexec

GRANT consent_registry_app TO consent_registry_server;
SELECT 'REVOKE consent_registry_owner FROM consent_registry_server'
WHERE pg_has_role('consent_registry_server', 'consent_registry_owner', 'MEMBER') \gexec

-- A superuser needs no membership to give a database to its owner; everybody else does.
SELECT 'GRANT consent_registry_owner TO CURRENT_USER'
WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \gexec

SELECT 'CREATE DATABASE consent_registry OWNER consent_registry_owner'
       ' ENCODING ''UTF8'' TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'consent_registry') \gexec

REVOKE ALL ON DATABASE consent_registry FROM PUBLIC;
GRANT CONNECT ON DATABASE consent_registry TO consent_registry_server;

\connect consent_registry
SET client_min_messages = warning;
SET ROLE consent_registry_owner;
-- The migrations let consent_registry_app in.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
