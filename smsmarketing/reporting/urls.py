"""Below /admin/reports/; mounted before the admin site itself."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, path

from smsmarketing.reporting.admin.reports import report_list, report_page

urlpatterns: list[URLPattern] = [
    path("", admin.site.admin_view(report_list), name="campaign-reports"),
    path("<int:pk>/", admin.site.admin_view(report_page), name="campaign-report"),
]
