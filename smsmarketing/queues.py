"""Celery's queues, and which task goes to which."""

QUEUES = ("otp", "transactional", "marketing", "inbound", "dlr", "callbacks", "imports", "periodic")
"""Every queue; docs/running.md says which worker reads which."""

DEFAULT_QUEUE = "periodic"
"""Where a sweep that beat starts goes."""

ROUTES = {
    "approvals.run_request": {"queue": "callbacks"},
    "campaigns.materialise": {"queue": "marketing"},
    "contacts.import_folder_look": {"queue": "imports"},
    "contacts.export_work": {"queue": "imports"},
    "contacts.import_work": {"queue": "imports"},
    "gateways.batch_run": {"queue": "marketing"},
    "gateways.batch_run_transactional": {"queue": "transactional"},
    "gateways.batch_run_urgent": {"queue": "otp"},
    "gateways.opt_in_requests_send": {"queue": "transactional"},
    "gateways.receipts_apply": {"queue": "dlr"},
    "webhooks.deliver": {"queue": "callbacks"},
}
