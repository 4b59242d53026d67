"""The health pages tell a load balancer the truth."""

import pytest
from django.db import connections
from django.test import Client, override_settings


def test_alive_needs_no_database(client: Client) -> None:
    answer = client.get("/health/live")
    assert (answer.status_code, answer.content) == (200, b"ok")


@pytest.mark.django_db
def test_ready_when_both_stores_answer(client: Client) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"database": True, "redis": True})


@pytest.mark.django_db(transaction=True)
def test_not_ready_without_database(client: Client) -> None:
    connection = connections["default"]
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "there-is-no-such-database"
    try:
        answer = client.get("/health/ready")
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
    assert (answer.status_code, answer.json()) == (503, {"database": False, "redis": True})


@pytest.mark.django_db
def test_not_ready_without_redis(client: Client) -> None:
    nowhere = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    with override_settings(CACHES=nowhere):
        answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"database": True, "redis": False})


@override_settings(SECURE_SSL_REDIRECT=True)
def test_health_is_not_sent_to_https(client: Client) -> None:
    assert client.get("/health/live").status_code == 200
    assert client.get("/").status_code == 301
