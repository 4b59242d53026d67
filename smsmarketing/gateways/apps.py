"""Django configuration of the gateways app."""

from importlib import import_module

from django.apps import AppConfig


class GatewaysConfig(AppConfig):
    """Registers the app under the short label ``gateways``, its operations and the send history."""

    name = "smsmarketing.gateways"
    label = "gateways"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the operations, and answer what contacts asks about sends."""
        import_module("smsmarketing.gateways.operations")
        contacts = import_module("smsmarketing.contacts.selectors")
        history = import_module("smsmarketing.gateways.selectors.history")
        contacts.history_provider = history.contact_history  # type: ignore[attr-defined]
        contacts.replies_provider = history.contact_replies  # type: ignore[attr-defined]
        contacts.proof_messages_provider = history.proof_messages  # type: ignore[attr-defined]
        contacts.last_message_provider = history.contact_last_message  # type: ignore[attr-defined]
        contacts.reply_numbers_provider = history.reply_numbers  # type: ignore[attr-defined]
        lists = import_module("smsmarketing.gateways.selectors.listings")
        contacts.listings_provider = lists.listings_told  # type: ignore[attr-defined]
        outbound = import_module("smsmarketing.contacts.services.outbound")
        following = import_module("smsmarketing.gateways.services.lists.following")
        if following.suppressions_changed not in outbound.changed_listeners:
            outbound.changed_listeners.append(following.suppressions_changed)
        story = import_module("smsmarketing.gateways.selectors.contact_story")
        timeline = import_module("smsmarketing.contacts.selectors.timeline")
        timeline.more_sources.update(message=story.contact_messages, reply=story.contact_replies)
        undo = import_module("smsmarketing.contacts.services.imports.undo_sql")
        undo.message_test = history.contact_message_test  # type: ignore[attr-defined]
        folders = import_module("smsmarketing.contacts.services.imports.folders")
        notes = import_module("smsmarketing.gateways.services.person_notes")
        folders.problem_told = notes.import_problem_tell  # type: ignore[attr-defined]
        import_module("smsmarketing.gateways.services.erasing").erasers_register()
        import_module("smsmarketing.gateways.credentials").sealed_register()
        papers = import_module("smsmarketing.gateways.services.registration_documents")
        papers.sealed_register()
        import_module("smsmarketing.gateways.services.gateway_tests").sealed_register()
