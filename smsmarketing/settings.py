"""All settings, read from the environment. docs/settings.md is generated from the declarations here."""

import warnings
from pathlib import Path
from typing import Any

from kombu.entity import Queue

from smsmarketing import env
from smsmarketing.keeping import *  # noqa: F403
from smsmarketing.logs import logging_configuration
from smsmarketing.look import UNFOLD as UNFOLD
from smsmarketing.operations.surfaces.rest.security import SECURITY_SCHEMES
from smsmarketing.queues import DEFAULT_QUEUE, QUEUES, ROUTES
from smsmarketing.settings_imports import IMPORT_FOLDER_ROOT as IMPORT_FOLDER_ROOT
from smsmarketing.settings_imports import IMPORT_UNDO_DAYS as IMPORT_UNDO_DAYS
from smsmarketing.settings_numbers import *  # noqa: F403
from smsmarketing.settings_senders import SENDER_DOCUMENT_DAYS as SENDER_DOCUMENT_DAYS

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Where this runs ---------------------------------------------------------------------------------------
DJANGO_ENV = env.choice(
    "DJANGO_ENV",
    options=("development", "production"),
    default="development",
    doc="`production` requires every secret and address below and turns on HTTPS-only cookies and HSTS.",
)
PRODUCTION = DJANGO_ENV == "production"
DEBUG = env.flag("DEBUG", default=False, doc="Django's debug pages. Refused in production.")
if DEBUG and PRODUCTION:
    raise env.EnvironmentRefused("DEBUG", "must be false when DJANGO_ENV is production.")

PUBLIC_BASE_URL = env.web_address(
    "PUBLIC_BASE_URL",
    default=None if PRODUCTION else "http://127.0.0.1:8000",
    secure=PRODUCTION,
    doc="The address under which gateways, short links and opt-out pages reach this system.",
)
ALLOWED_HOSTS = env.items(
    "ALLOWED_HOSTS",
    default=None if PRODUCTION else ["localhost", "127.0.0.1", "[::1]"],
    doc="Host names this system answers to.",
)
CSRF_TRUSTED_ORIGINS = env.items(
    "CSRF_TRUSTED_ORIGINS",
    default=[PUBLIC_BASE_URL],
    doc="Origins whose forms are accepted; by default PUBLIC_BASE_URL.",
)

# --- Secrets -----------------------------------------------------------------------------------------------
_DEVELOPMENT_KEY = "development-only-key-never-used-in-production-0123456789"
SECRET_KEY = env.secret(
    "SECRET_KEY",
    default=None if PRODUCTION else _DEVELOPMENT_KEY,
    minimum=50,
    shown="(required in production)",
    doc="Signs sessions and form tokens.",
)
SECRET_KEY_FALLBACKS = env.items(
    "SECRET_KEY_FALLBACKS",
    default=[],
    secret=True,
    doc="Former SECRET_KEYs that still verify, during a rotation.",
)
VERSION_TOKEN_KEY = env.secret(
    "VERSION_TOKEN_KEY",
    default=None if PRODUCTION else f"version-token:{SECRET_KEY}",
    minimum=32,
    shown="(required in production)",
    doc="Signs version tokens, so that a client cannot invent one.",
)
CREDENTIALS_KEYS = env.keyring(
    "CREDENTIALS_KEYS",
    default=None if PRODUCTION else {"dev": f"credentials:{_DEVELOPMENT_KEY}"},
    doc="Encrypt gateway credentials. The first key encrypts; all of them decrypt.",
)
PHONE_HASH_KEYS = env.keyring(
    "PHONE_HASH_KEYS",
    default=None if PRODUCTION else {"dev": f"phone-hash:{_DEVELOPMENT_KEY}"},
    doc="Keyed hash (HMAC) of a phone number, kept after erasure so that an opt-out outlives the contact.",
)

# --- Stores ------------------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **env.postgres_database(
            "DATABASE_URL",
            default=None if PRODUCTION else "postgresql://postgres@127.0.0.1:5432/smsmarketing",
            doc="PostgreSQL 16 or newer: the only database and the only truth.",
        ),
        # Persistent connections instead of the psycopg pool: the pool forbids CONN_MAX_AGE and dies after fork.
        "CONN_MAX_AGE": env.number(
            "DATABASE_CONNECTION_SECONDS",
            default=60,
            doc="How long a connection is kept. 0 behind a transaction-pooling proxy such as PgBouncer.",
        ),
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": env.flag(
            "DATABASE_POOLED",
            default=False,
            doc="True behind a transaction-pooling proxy: no server-side cursors are used then.",
        ),
    }
}
REDIS_URL: str = env.redis_url(
    "REDIS_URL",
    default=None if PRODUCTION else "redis://127.0.0.1:6379/0",
    doc="Redis or Valkey: rate smoothing, cache and, without BROKER_URL, Celery. Nothing in it is the only copy.",
)
BROKER_URL = env.secret(
    "BROKER_URL",
    default=REDIS_URL,
    shown="REDIS_URL",
    doc="URL of Celery's broker, Redis or RabbitMQ.",
)
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "sms",
    }
}

# --- Apps --------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "axes",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "smsmarketing.operations",
    "smsmarketing.accounts",
    "smsmarketing.webhooks",
    "smsmarketing.approvals",
    "smsmarketing.contacts",
    "smsmarketing.gateways",
    "smsmarketing.campaigns",
    "smsmarketing.reporting",
]
MIDDLEWARE = [
    "smsmarketing.operations.surfaces.middleware.RequestIdMiddleware",
    "smsmarketing.operations.surfaces.middleware.ContentSecurityMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "smsmarketing.operations.surfaces.middleware.PersonClockMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "smsmarketing.urls"
WSGI_APPLICATION = "smsmarketing.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["smsmarketing.formats"]

# --- People ------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATION}.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AXES_FAILURE_LIMIT = env.number(
    "LOGIN_FAILURE_LIMIT",
    default=10,
    minimum=1,
    doc="Wrong passwords for one user from one address before a pause.",
)
AXES_COOLOFF_TIME = env.number(
    "LOGIN_PAUSE_HOURS", default=1, minimum=1, doc="Hours of that pause."
)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "smsmarketing.error_pages.sign_in_locked"
CSRF_FAILURE_VIEW = "smsmarketing.error_pages.csrf_failure"
# Its admin pages can delete rows; every row of ours changes through operations only.
AXES_ENABLE_ADMIN = False
ALLOW_SELF_APPROVAL = env.flag(
    "ALLOW_SELF_APPROVAL",
    default=False,
    doc="Let the asker approve where nobody else could decide; each such vote is audited and shown.",
)
SESSION_COOKIE_AGE = 3600 * env.number(
    "SESSION_HOURS", default=12, minimum=1, doc="Hours until a browser session ends."
)

# --- HTTPS and headers -------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = env.flag(
    "HTTPS_REDIRECT",
    default=PRODUCTION,
    doc="Send http requests to https (default: in production).",
)
BEHIND_PROXY = env.flag(
    "BEHIND_PROXY",
    default=False,
    doc="Trust `X-Forwarded-Proto` and `X-Forwarded-For`. Only true when every request passes a proxy of ours.",
)
PROXY_HOPS = env.number(
    "PROXY_HOPS", default=1, minimum=1, doc="How many such proxies stand in a row."
)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    MIDDLEWARE.insert(0, "smsmarketing.proxy.ClientAddressMiddleware")
# Load balancers and compose ask over plain http.
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SECURE_HSTS_SECONDS = env.number(
    "HSTS_SECONDS",
    default=31_536_000 if PRODUCTION else 0,
    doc="Seconds for which browsers insist on HTTPS (default: a year in production).",
)
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SESSION_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# --- Files -------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
MEDIA_ROOT = Path(
    env.text(
        "MEDIA_ROOT",
        default=str(BASE_DIR / "var" / "media"),
        shown="`var/media` in the checkout",
        doc="Folder for uploaded import files; web and workers must share it.",
    )
)
STATIC_MANIFEST = env.flag(
    "STATIC_MANIFEST",
    default=PRODUCTION,
    doc="Serve compressed files with hashed names, made by `manage.py collectstatic` (default: in production).",
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "whitenoise.storage.CompressedManifestStaticFilesStorage"
            if STATIC_MANIFEST
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}
WHITENOISE_USE_FINDERS = not STATIC_MANIFEST
if not STATIC_MANIFEST:
    warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- Celery ------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_QUEUES = [Queue(name) for name in QUEUES]
CELERY_TASK_DEFAULT_QUEUE = DEFAULT_QUEUE
CELERY_TASK_ROUTES = ROUTES
# A task sent to a queue that no worker reads would wait for ever: a wrong name fails at once instead.
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# Tasks are safe to repeat (the rows they claim are the truth), so a task of a killed worker may come again.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_TIMEZONE = "UTC"
RATES_MAX_AGE_DAYS = env.number(
    "RATES_MAX_AGE_DAYS",
    default=90,
    minimum=1,
    maximum=3650,
    doc="Days after which a price or an exchange rate that nobody confirmed is stale: nothing is sent at it.",
)
DISPATCH_PROCESSES = env.number(
    "DISPATCH_PROCESSES",
    default=4,
    minimum=1,
    doc="Processes that may send at once; without Redis each keeps to its share of a gateway's rate.",
)
DISPATCH_LEASE_SECONDS = env.number(
    "DISPATCH_LEASE_SECONDS",
    default=20,
    minimum=2,
    doc="How long a silent worker keeps its messages; after that others go on and what it had on the wire is unknown.",
)

# --- Going out ---------------------------------------------------------------------------------------------
INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES = env.flag(
    "INTEGRATIONS_ALLOW_PRIVATE_ADDRESSES",
    default=False,
    doc="Let webhooks reach your own network, there also by http and on any port; link-local stays refused.",
)
INTEGRATIONS_ALLOW_HTTP = env.flag(
    "INTEGRATIONS_ALLOW_HTTP", default=False, doc="Let webhooks go to public addresses without TLS."
)

# --- Surfaces ----------------------------------------------------------------------------------------------
OPERATION_GATE = "smsmarketing.approvals.gate.PolicyGate"
# How commands find out who acts; operations may not import accounts.
ACTOR_BUILDER = "smsmarketing.accounts.selectors.actor_for_user"
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    # Closed unless a view opens itself: a forgotten permission is a refusal, not a leak.
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "EXCEPTION_HANDLER": "smsmarketing.operations.surfaces.rest.problems.exception_handler",
}
# Where surfaces get the caller from: dotted paths, because operations may not import accounts.
ACTOR_FROM_REQUEST = {
    "bearer": "smsmarketing.accounts.authentication.actor_from_bearer",
    "session": "smsmarketing.accounts.authentication.actor_from_session",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "SMS marketing",
    "VERSION": "1",
    "DESCRIPTION": "Lawful, approved, affordable and proven SMS. Errors: /api/docs/errors.",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    # The enum hook would rename and rewrite the pydantic schemas.
    "POSTPROCESSING_HOOKS": [],
    "APPEND_COMPONENTS": {"securitySchemes": SECURITY_SCHEMES},
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
DJANGO_MCP_GET_SERVER_INSTRUCTIONS_TOOL = False
MCP_ALLOWED_ORIGINS = env.items(
    "MCP_ALLOWED_ORIGINS",
    default=[],
    doc="Origins of web pages that may call /mcp. Programs send no Origin and need no entry.",
)
MCP_TOOL_NAMES = env.choice(
    "MCP_TOOL_NAMES",
    options=("underscore", "dotted"),
    default="underscore",
    doc="How /mcp lists tool names. Several clients refuse dots; calls take both forms.",
)

# --- Logs --------------------------------------------------------------------------------------------------
LOGGING = logging_configuration(
    form=env.choice(
        "LOG_FORMAT",
        options=("console", "json"),
        default="json" if PRODUCTION else "console",
        doc="`json` writes one object per line (default in production), `console` is for people.",
    ),
    level=env.choice(
        "LOG_LEVEL",
        options=("DEBUG", "INFO", "WARNING", "ERROR"),
        default="INFO",
        doc="Least level that is written.",
    ),
)
