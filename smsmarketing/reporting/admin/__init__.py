"""Reports and the first page of the admin."""

from smsmarketing.operations.surfaces.admin.navigation import NavigationPage, navigation_add

navigation_add(
    NavigationPage(
        area="Reports",
        title="Campaign reports",
        url_name="campaign-reports",
        icon="bar_chart",
        permission="campaigns.report_view",
    )
)
