"""Below /admin/operations/; mounted before the admin site itself."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, path

from smsmarketing.operations.surfaces.admin.choosers import CHOICES_PAGE, choices_page
from smsmarketing.operations.surfaces.admin.links import CALL_PAGE, CATALOGUE_PAGE
from smsmarketing.operations.surfaces.admin.views import call_page, catalogue

urlpatterns: list[URLPattern] = [
    path("", admin.site.admin_view(catalogue), name=CATALOGUE_PAGE),
    path("call/<str:key>/", admin.site.admin_view(call_page), name=CALL_PAGE),
    path("choices/<str:key>/<str:field>/", admin.site.admin_view(choices_page), name=CHOICES_PAGE),
]
