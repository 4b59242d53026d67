# Production image. Build: docker build -t smsmarketing .   The index for pip comes from the builder's configuration.
FROM python:3.11-slim-bookworm AS packages
WORKDIR /app
COPY requirements.lock .
RUN python -m venv /app/.venv \
    && /app/.venv/bin/pip install --no-cache-dir --require-hashes --only-binary=:all: -r requirements.lock

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin sms \
    && mkdir -p /app /data/media \
    && chown sms /data/media
WORKDIR /app
COPY --from=packages /app/.venv /app/.venv
COPY manage.py gunicorn.conf.py ./
COPY templates templates
COPY smsmarketing smsmarketing
# Its user may not write bytecode, so it is made here: else every process compiles 600 files at its start.
RUN python -m compileall -q manage.py smsmarketing
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=smsmarketing.settings \
    DJANGO_ENV=production \
    MEDIA_ROOT=/data/media
# Collecting static files needs no secret of production.
RUN DJANGO_ENV=development STATIC_MANIFEST=true python manage.py collectstatic --noinput --verbosity 0
USER sms
EXPOSE 8000
CMD ["gunicorn", "smsmarketing.wsgi:application", "--bind", "0.0.0.0:8000"]
