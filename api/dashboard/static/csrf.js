// On a server with accounts what changes something brings the session's token, which its cookie tells to our own scripts only.

export function proof() {
  const token = /(?:^|; )(?:__Host-)?mezan_csrf=([^;]+)/.exec(document.cookie)?.[1];
  return token ? { "Mezan-CSRF": token } : {};
}

// A session that is over: the login leads back here.
export function enter() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}
