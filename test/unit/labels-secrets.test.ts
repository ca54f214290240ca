import { describe, expect, it } from "vitest";
import { isSecretKey, looksSecret } from "../../src/labels/secrets.ts";

describe("isSecretKey", () => {
  it.each([
    "db_password",
    "DB_PASSWD",
    "dbPass",
    "pwd",
    "client.secret",
    "apiKey",
    "api-key",
    "AWS_SECRET_ACCESS_KEY",
    "access_key",
    "github_token",
    "credentials",
    "private_key",
    "basic_auth",
    "authorization",
    "smtp-creds",
    "DATABASE_DSN",
  ])("takes %j for one", (key) => {
    expect(isSecretKey(key)).toBe(true);
  });

  it.each([
    "version",
    "author",
    "region",
    "compass",
    "monkey",
    "keyboard",
    "bypass",
    "team",
    "git_commit",
    "public_url",
  ])("does not take %j for one", (key) => {
    expect(isSecretKey(key)).toBe(false);
  });
});

describe("looksSecret", () => {
  it.each([
    "postgres://app:hunter2@db:5432/shop",
    "amqp://hunter2@mq",
    "redis://:hunter2@cache",
    "mysql://app:hun/ter2@db/x",
    "root:hunter2@tcp(db:3306)/shop",
    "host=db user=app password=hunter2",
    'Password: "hunter2"',
    "/health?token=hunter2",
    "traefik.http.middlewares.a.headers.customrequestheaders.X-Auth-Token=hunter2",
    "traefik.http.middlewares.a.basicauth.users=test:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/",
    "Bearer abcdefgh12345678",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_abcdefghijklmnop",
    "-----BEGIN RSA PRIVATE KEY-----",
  ])("takes %j for one", (text) => {
    expect(looksSecret(text)).toBe(true);
  });

  it.each([
    "",
    "v1.2.3",
    "https://example.com/@scope/pkg",
    "http://example.com:8080/@scope",
    "nginx:1.25@sha256:0123456789abcdef",
    "urlprefix-/token/refresh",
    "traefik.http.routers.web.rule=Host(`a.example`) && PathPrefix(`/x`)",
    "traefik.http.middlewares.my-token.forwardauth.address=http://auth/",
    "a,b,c",
    "team=core",
    "me@example.com",
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/50dc6c495c0c9188",
  ])("does not take %j for one", (text) => {
    expect(looksSecret(text)).toBe(false);
  });
});
