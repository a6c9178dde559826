"""What alembic runs: the steps, on the connection that `opening.py` hands over, inside its transaction."""

from alembic import context

from sohoaudit.history.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
