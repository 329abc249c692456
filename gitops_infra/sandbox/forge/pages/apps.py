"""Pages for GitHub Apps: made from a manifest by one click, and installed on an account.

The forge has no sign-in, so each page offers the people who may do it, and the visitor says as whom they act. Forms
need no script: a test submits them like a browser. Source: GitHub, "Registering a GitHub App from a manifest" and
"Installing your own GitHub App".
"""

from collections.abc import Iterable

from gitops_infra.sandbox.forge import apps, manifests
from gitops_infra.sandbox.forge.model import Account, App
from gitops_infra.sandbox.forge.pages.html import Page, page, redirect, text
from gitops_infra.sandbox.forge.pages.site import Pages, Visit
from gitops_infra.sandbox.forge.responses import Refusal, not_found
from gitops_infra.sandbox.forge.store import Store

EXAMPLE = '{"url": "https://example.com", "redirect_url": "http://127.0.0.1:8000/", "default_permissions": {}}'


# From a manifest


def new_of_user(visit: Visit) -> Page:
    """A form for a manifest of an App that a user will own."""
    return _manifest_form(visit, "a user")


def new_of_organization(visit: Visit) -> Page:
    """A form for a manifest of an App that the organisation will own."""
    return _manifest_form(visit, _organization(visit).login)


def _manifest_form(visit: Visit, owner: str) -> Page:
    given = visit.query.get("manifest", EXAMPLE)
    return page(
        f"Register a GitHub App for {owner}",
        f"<form method=post><label for=manifest>Manifest (JSON)</label>"
        f"<textarea id=manifest name=manifest rows=12 cols=70>{text(given)}</textarea>"
        f"<p><button type=submit>Continue</button></p></form>",
    )


def posted_for_user(visit: Visit) -> Page:
    """As `posted_for_organization`; whoever acts will own the App."""
    users = [account for account in visit.store.accounts.values() if account.kind == "User"]
    return _posted(visit, None, users)


def posted_for_organization(visit: Visit) -> Page:
    """Asks for the one click that makes the App of the posted manifest, and after it redirects with the code."""
    organization = _organization(visit)
    return _posted(visit, organization, _owners(visit.store, organization))


def _posted(visit: Visit, organization: Account | None, people: list[Account]) -> Page:
    form, state = visit.form, visit.query.get("state")
    manifest = manifests.parse(form.get("manifest", ""))
    if "act_as" not in form:
        return _confirmation(form, manifest, organization, people)
    person = _acting(visit, people, "register a GitHub App here")
    name = form.get("name") or manifest.name
    return redirect(manifests.confirm(visit.store, organization or person, manifest, name, state))


def _confirmation(
    form: dict[str, str], manifest: manifests.Manifest, organization: Account | None, people: list[Account]
) -> Page:
    owner = organization.login if organization else "you"
    rows = "".join(f"<tr><td>{text(name)}<td>{text(level)}" for name, level in sorted(manifest.permissions.items()))
    return page(
        f"Create GitHub App for {owner}",
        f'<form method=post><input type=hidden name=manifest value="{text(form["manifest"])}">'
        f'<label>GitHub App name <input name=name required maxlength=34 value="{text(manifest.name)}"></label>'
        f"<table><caption>Permissions</caption><tr><th scope=col>Name<th scope=col>Level{rows}</table>"
        f"{_act_as(people)}<p><button type=submit>Create GitHub App for {text(owner)}</button></p></form>"
        f"<p>Afterwards your browser goes to {text(manifest.redirect_url)}.</p>",
    )


# What it is, and where it is installed


def show(visit: Visit) -> Page:
    """An App's public page."""
    app = _app(visit)
    owner = visit.store.accounts[app.owner_id]
    rows = "".join(f"<tr><td>{text(name)}<td>{text(level)}" for name, level in sorted(app.permissions.items()))
    return page(
        app.name,
        f"<p>A GitHub App of {text(owner.login)}. {text(app.description)}</p>"
        f"<table><caption>Permissions</caption><tr><th scope=col>Name<th scope=col>Level{rows}</table>"
        f'<p><a href="/apps/{text(app.slug)}/installations/new">Install</a></p>',
    )


def list_of_organization(visit: Visit) -> Page:
    """The organisation's Apps, each with its settings."""
    organization = _organization(visit)
    owned = [app for app in visit.store.apps.values() if app.owner_id == organization.id]
    rows = "".join(f'<li><a href="{text(visit.request.path)}/{text(app.slug)}">{text(app.name)}</a>' for app in owned)
    return page(f"GitHub Apps of {organization.login}", f"<ul>{rows}</ul>" if rows else "<p>None.</p>")


def settings(visit: Visit) -> Page:
    """The App's settings for its owner: the fingerprints of its private keys, and a button for a new one."""
    app = _owned_app(visit)
    keys = "".join(f"<li><code>{text(key.fingerprint)}</code>" for key in app.keys)
    people = _owners(visit.store, visit.store.accounts[app.owner_id])
    return page(
        f"Settings of {app.name}",
        f"<p>App ID: {app.id}. Client ID: {text(app.client_id)}.</p><h2>Private keys</h2><ul>{keys}</ul>"
        f'<form method=post action="{text(visit.request.path)}/keys">{_act_as(people)}'
        f"<p><button type=submit>Generate a private key</button></p></form>"
        f'<p><a href="/apps/{text(app.slug)}/installations/new">Install App</a></p>'
        f'<h2>Danger zone</h2><form method=post action="{text(visit.request.path)}/delete">{_act_as(people)}'
        f"<p><button type=submit>Delete GitHub App</button></p></form>",
    )


def delete(visit: Visit) -> Page:
    """The App is gone, with its keys, installations and tokens."""
    app = _managed_app(visit)
    apps.delete(visit.store, app)
    return page(f"{app.name} is deleted", "<p>Its private keys and tokens are worthless.</p>")


def generate_key(visit: Visit) -> Page:
    """A new private key, as the file that GitHub has the browser save."""
    app = _managed_app(visit)
    try:
        pem = apps.add_key(visit.store, app)
    except ValueError as error:
        raise Refusal(422, str(error)) from None
    name = f"{app.slug}.private-key.pem"
    headers = {"Content-Type": "application/x-pem-file", "Content-Disposition": f'attachment; filename="{name}"'}
    return Page(200, pem, headers)


def _managed_app(visit: Visit) -> App:
    """As `_owned_app`, for a form that says who acts. Raises Refusal 403 for anybody but an owner."""
    app = _owned_app(visit)
    people = _owners(visit.store, visit.store.accounts[app.owner_id])
    _acting(visit, people, f"manage {app.name}")
    return app


def _owned_app(visit: Visit) -> App:
    """The App of the path. Under `/organizations/{org}` it must be the organisation's. Raises Refusal 404."""
    app = _app(visit)
    if "org" in visit.parameters and app.owner_id != _organization(visit).id:
        raise not_found()
    return app


def new_installation(visit: Visit) -> Page:
    """A form to install the App on an account, or to change what an installation reaches."""
    app = _app(visit)
    return page(f"Install {app.name}", "".join(_installation_form(visit.store, a, app) for a in _targets(visit, app)))


def _installation_form(store: Store, account: Account, app: App) -> str:
    owned = [repository for repository in store.repositories.values() if repository.owner_id == account.id]
    boxes = "".join(
        f'<label><input type=checkbox name=repository value="{text(r.name)}"> {text(r.name)}</label>' for r in owned
    )
    installed = store.installation(app, account) is not None
    return (
        f"<form method=post><h2>{text(account.login)}</h2>"
        f'<input type=hidden name=account value="{text(account.login)}">'
        f"<fieldset><legend>Repositories</legend>"
        f"<label><input type=radio name=selection value=all checked> All repositories</label>"
        f"<label><input type=radio name=selection value=selected> Only select repositories</label>{boxes}</fieldset>"
        f"{_act_as(_owners(store, account))}"
        f"<p><button type=submit>{'Save' if installed else 'Install'}</button></p></form>"
    )


def install(visit: Visit) -> Page:
    """Installs the App as the form says; ends on the installation's page."""
    app, form = _app(visit), visit.form
    account = next((a for a in _targets(visit, app) if a.login == form.get("account")), None)
    if account is None:
        raise Refusal(422, f"{app.name} cannot be installed on {form.get('account')!r}.")
    _acting(visit, _owners(visit.store, account), f"install an App on {account.login}")
    selected = None
    if form.get("selection") != "all":
        found = [visit.store.repository(account.login, name) for name in visit.choices("repository")]
        selected = [repository for repository in found if repository is not None]
        if len(selected) != len(found):
            raise Refusal(422, f"A selected repository is not one of {account.login}.")
    try:
        installation = apps.install(visit.store, app, account, selected)
    except ValueError as error:
        raise Refusal(422, str(error)) from None
    return redirect(f"{visit.base_url}/settings/installations/{installation.id}")


def show_installation(visit: Visit) -> Page:
    """What an installation reaches."""
    number = visit["id"]
    installation = visit.store.installations.get(int(number)) if number.isdecimal() else None
    if installation is None:
        raise not_found()
    app, account = visit.store.apps[installation.app_id], visit.store.accounts[installation.account_id]
    reached = apps.repositories_of(visit.store, installation)
    names = "".join(f"<li>{text(repository.name)}" for repository in reached)
    reach = "All repositories" if installation.repository_ids is None else "Only select repositories"
    return page(f"{app.name} is installed on {account.login}", f"<p>{reach}:</p><ul>{names}</ul>")


def _app(visit: Visit) -> App:
    app = visit.store.app(visit["slug"])
    if app is None:
        raise not_found()
    return app


def _organization(visit: Visit) -> Account:
    account = visit.store.account(visit["org"])
    if account is None or account.kind != "Organization":
        raise not_found()
    return account


def _targets(visit: Visit, app: App) -> list[Account]:
    """Where it can be installed: on its owner, and when it is public on every account."""
    accounts = visit.store.accounts
    return list(accounts.values()) if app.public else [accounts[app.owner_id]]


def _owners(store: Store, account: Account) -> list[Account]:
    return [account] if account.kind == "User" else [store.accounts[number] for number in sorted(account.owners)]


def _acting(visit: Visit, people: Iterable[Account], purpose: str) -> Account:
    """Who acts, by the form. Raises Refusal 403 for anybody else, and for a form that another site's page sent."""
    if visit.request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Refusal(403, "This form was sent by another site.")
    login = visit.form.get("act_as", "")
    person = next((person for person in people if person.login.lower() == login.lower()), None)
    if person is None:
        raise Refusal(403, f"{login or 'nobody'} may not {purpose}.")
    return person


def _act_as(people: Iterable[Account]) -> str:
    options = "".join(f'<option value="{text(person.login)}">{text(person.login)}' for person in people)
    return f"<label>Act as <select name=act_as required>{options}</select></label>"


_INSTALL = ("/apps/{slug}/installations/new", "/github-apps/{slug}/installations/new")
"""The second is the path of GitHub Enterprise Server, where `/apps` is taken."""
_SETTINGS = ("/settings/apps/{slug}", "/organizations/{org}/settings/apps/{slug}")
PAGES: Pages = {
    ("GET", "/settings/apps/new"): new_of_user,
    ("POST", "/settings/apps/new"): posted_for_user,
    ("GET", "/organizations/{org}/settings/apps/new"): new_of_organization,
    ("POST", "/organizations/{org}/settings/apps/new"): posted_for_organization,
    **{("GET", path): settings for path in _SETTINGS},
    **{("POST", f"{path}/keys"): generate_key for path in _SETTINGS},
    **{("POST", f"{path}/delete"): delete for path in _SETTINGS},
    ("GET", "/organizations/{org}/settings/apps"): list_of_organization,
    ("GET", "/apps/{slug}"): show,
    ("GET", "/github-apps/{slug}"): show,
    **{("GET", path): new_installation for path in _INSTALL},
    **{("POST", path): install for path in _INSTALL},
    ("GET", "/settings/installations/{id}"): show_installation,
    ("GET", "/organizations/{org}/settings/installations/{id}"): show_installation,
}
