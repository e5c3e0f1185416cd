"""A service that cannot start says why in one line, before it has started anything."""

import socket

import pytest

from budsim.commons.config import AppSettings
from budsim.commons.errors import InvalidRequestError, UnavailableError
from budsim.commons.health import Metrics
from budsim.main import open_service, require_free_port


def test_a_port_that_is_taken_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"127.0.0.1:{port}") as caught:
            require_free_port("127.0.0.1", port)
    assert "\n" not in caught.value.message
    require_free_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("content", "error"), [(None, UnavailableError), ("{", UnavailableError), ("5", InvalidRequestError)]
)
def test_a_cluster_file_that_cannot_be_used_is_refused_before_the_database_starts(tmp_path, content, error):
    file = tmp_path / "clusters.json"
    if content is not None:
        file.write_text(content)
    config = AppSettings(_env_file=None, data_dir=tmp_path / "data", cluster_info_file=file)
    with pytest.raises(error) as caught, open_service(config, Metrics()):
        pass
    assert "\n" not in caught.value.message
    assert not (tmp_path / "data").exists()
