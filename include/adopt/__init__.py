"""From files that the project has never seen to the entry of ``sources.yml`` that declares them."""
