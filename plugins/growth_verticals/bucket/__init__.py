"""Administration of the table bucket: policies, maintenance settings and status, plan and apply, inventory, checks."""
