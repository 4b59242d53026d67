"""Paths of the wire, below /webhooks/."""

from django.urls import path

from smsmarketing.gateways import webhooks

urlpatterns = [
    path(
        "<slug:slug>/<str:secret>/dlr/<int:message_id>",
        webhooks.receipt_view,
        name="webhook-receipt",
    ),
    path(
        "<slug:slug>/<str:secret>/lookup/<int:lookup_id>",
        webhooks.lookup_view,
        name="webhook-lookup",
    ),
    path("<slug:slug>/<str:secret>/events", webhooks.events_view, name="webhook-events"),
    path("<slug:slug>/<str:secret>/inbound", webhooks.inbound_view, name="webhook-inbound"),
]
