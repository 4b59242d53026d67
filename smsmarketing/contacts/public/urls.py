"""Paths of the public pages."""

from django.urls import path

from smsmarketing.contacts.public.opt_out import opt_out_view

urlpatterns = [
    path("o/", opt_out_view, name="public-opt-out-bare"),
    path("o/<path:token>", opt_out_view, name="public-opt-out"),
]
