"""How a process reaches its cluster: addresses and secrets, from the environment (ONEGRID_…) or from arguments.

A secret is never printed and never logged: it lives in a SecretStr until a client asks for it.
"""

from __future__ import annotations

import ssl
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Security = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class ClusterSettings(BaseSettings):
    """Addresses are host:port, several Kafka brokers separated by commas; without `redis` there is no live board."""

    model_config = SettingsConfigDict(env_prefix="ONEGRID_", frozen=True)

    broker: str
    redis: str = ""
    redis_password: SecretStr = SecretStr("")
    redis_tls: bool = False
    kafka_security: Security = "PLAINTEXT"
    kafka_mechanism: Mechanism = "SCRAM-SHA-512"
    kafka_user: str = ""
    kafka_password: SecretStr = SecretStr("")
    kafka_ca: str = Field(default="", description="file with the certificates that brokers are checked against")
    kafka_certificate: str = Field(default="", description="file with our own certificate, where brokers ask for it")
    kafka_key: str = ""
    session_timeout_s: float = Field(default=10.0, gt=0)

    @property
    def brokers(self) -> list[str]:
        """The brokers' addresses."""
        return [address.strip() for address in self.broker.split(",") if address.strip()]

    def context(self) -> ssl.SSLContext | None:
        """Return what TLS needs; None without TLS. Host names are always checked."""
        if not self.kafka_security.endswith("SSL"):
            return None
        context = ssl.create_default_context(cafile=self.kafka_ca or None)
        if self.kafka_certificate:
            context.load_cert_chain(self.kafka_certificate, self.kafka_key or None)
        return context

    def client(self) -> dict[str, Any]:
        """Return the connection arguments that kafka-python and aiokafka share."""
        found: dict[str, Any] = {
            "bootstrap_servers": self.brokers,
            "security_protocol": self.kafka_security,
            "ssl_context": self.context(),
        }
        if self.kafka_security.startswith("SASL"):
            found |= {
                "sasl_mechanism": self.kafka_mechanism,
                "sasl_plain_username": self.kafka_user,
                "sasl_plain_password": self.kafka_password.get_secret_value(),
            }
        return found
