"""What became of the last deliveries of a webhook."""

import json
from typing import Any
from urllib.parse import urlencode

from gitops_infra.sandbox.forge.model import HookDelivery
from gitops_infra.sandbox.forge.responses import DEFAULT_PAGE, MAX_PAGE, Refusal, Response, not_found, timestamp
from gitops_infra.sandbox.forge.rest.hooks import found
from gitops_infra.sandbox.forge.router import Call, Routes
from gitops_infra.sandbox.forge.webhooks import Repeated

CURSOR = "v1_"
"""Before the id of the delivery that a page starts with."""


def list_all(call: Call) -> Response:
    """Deliveries, newest first; `redelivery` narrows. Pages by `cursor`, which `Link` names."""
    deliveries = call.store.deliveries_of(found(call, "read"))[::-1]
    wanted = call.query.get("redelivery")
    if wanted is not None:
        deliveries = [each for each in deliveries if each.redelivery == (wanted == "true")]
    cursor = call.query.get("cursor", "")
    if cursor:
        number = cursor.removeprefix(CURSOR)
        if not cursor.startswith(CURSOR) or not number.isdecimal():
            raise Refusal(422, f"Invalid cursor: {cursor}")
        deliveries = [each for each in deliveries if each.id <= int(number)]
    asked = call.query.get("per_page", "")
    size = min(max(int(asked) if asked.isdecimal() else DEFAULT_PAGE, 1), MAX_PAGE)
    headers = {}
    if len(deliveries) > size:
        query = urlencode({**call.query, "cursor": f"{CURSOR}{deliveries[size].id}"})
        headers = {"Link": f'<{call.api_url}{call.request.path}?{query}>; rel="next"'}
    return Response(200, [_summary(each) for each in deliveries[:size]], headers)


def get(call: Call) -> Response:
    """One delivery, with what was sent and answered."""
    delivery = _found(call, "read")
    return Response(
        200,
        {
            **_summary(delivery),
            "url": delivery.url,
            "request": {"headers": delivery.request_headers, "payload": json.loads(delivery.payload)},
            "response": {"headers": delivery.response_headers, "payload": delivery.response_payload},
        },
    )


def attempt(call: Call) -> Response:
    """Delivers once more: the same event and body, to where the webhook points now."""
    call.store.announce(Repeated(_found(call, "write").id))
    return Response(202, {})


def _found(call: Call, level: str) -> HookDelivery:
    hook, number = found(call, level), call["delivery"]
    delivery = call.store.hook_deliveries.get(int(number)) if number.isdecimal() else None
    if delivery is None or delivery.hook_id != hook.id:
        raise not_found()
    return delivery


def _summary(delivery: HookDelivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": timestamp(delivery.delivered_at),
        "redelivery": delivery.redelivery,
        "duration": delivery.duration,
        "status": delivery.status,
        "status_code": delivery.status_code,
        "event": delivery.event,
        "action": None,
        "installation_id": None,
        "repository_id": delivery.repository_id,
        "throttled_at": None,
    }


_ROOT = "/repos/{owner}/{repo}/hooks/{id}/deliveries"
ROUTES: Routes = {
    ("GET", _ROOT): list_all,
    ("GET", f"{_ROOT}/{{delivery}}"): get,
    ("POST", f"{_ROOT}/{{delivery}}/attempts"): attempt,
}
