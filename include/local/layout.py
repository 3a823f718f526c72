"""Where the parts of a stack are: its folder, ports, credentials, and the addresses that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.local.credentials import Credentials
from include.local.home import StackHome
from include.rollout.server_address import ServerAddress
from include.servers.ports import HOST
from include.servers.postgres import PostgresServer

if TYPE_CHECKING:
    from include.commands.airflow_api import AirflowApi


@dataclass(frozen=True)
class StackUris:
    """Where the parts of a stack are. Database URIs carry the password."""

    warehouse: str
    airflow_metadata: str
    mlflow_store: str
    mlflow: str
    model_server: str
    airflow: str


@dataclass(frozen=True)
class Stack:
    """A stack that runs, or is about to.

    Attributes:
        ports: by component: ``postgres``, ``mlflow``, ``model-server``, ``airflow``.
    """

    home: StackHome
    ports: dict[str, int]
    credentials: Credentials

    @property
    def server(self) -> PostgresServer:
        """The stack's PostgreSQL."""
        return PostgresServer(self.home.postgres, self.ports["postgres"], self.credentials.postgres_password)

    @property
    def uris(self) -> StackUris:
        """Addresses for programs: psycopg's form for the warehouse, SQLAlchemy's for the other databases."""
        return StackUris(
            warehouse=self.server.uri("warehouse"),
            airflow_metadata=self.server.uri("airflow", scheme="postgresql+psycopg2"),
            mlflow_store=self.server.uri("mlflow", scheme="postgresql+psycopg2"),
            mlflow=f"http://{HOST}:{self.ports['mlflow']}",
            model_server=f"http://{HOST}:{self.ports['model-server']}",
            airflow=f"http://{HOST}:{self.ports['airflow']}",
        )

    @property
    def model_server(self) -> ServerAddress:
        """The model server, for whoever asks for predictions."""
        return ServerAddress(self.uris.model_server, self.credentials.server_tokens["traffic"])

    @property
    def addresses(self) -> dict[str, str]:
        """Addresses for people, without passwords."""
        return {
            "Airflow": self.uris.airflow,
            "MLflow": f"{self.uris.mlflow}/#/experiments",
            "Model server": f"{self.uris.model_server}/docs",
            "Warehouse": f"postgresql://postgres@{HOST}:{self.ports['postgres']}/warehouse",
        }

    def airflow(self, user: str = "admin") -> AirflowApi:
        """A client of Airflow's API, logged in as ``user``."""
        from include.commands.airflow_api import AirflowApi

        return AirflowApi(self.uris.airflow, user, self.credentials.airflow_passwords[user])
