//! Tells systemd how the service is doing (`sd_notify(3)`); does nothing anywhere else.

use std::os::unix::net::UnixDatagram;

/// Sends a state such as `READY=1`.
#[expect(clippy::disallowed_methods, reason = "systemd names its socket in the environment")]
pub fn notify(state: &str) {
    let Ok(path) = std::env::var("NOTIFY_SOCKET") else { return };
    let sent = UnixDatagram::unbound().and_then(|socket| match path.strip_prefix('@') {
        None => socket.send_to(state.as_bytes(), &path),
        Some(name) => {
            use std::os::linux::net::SocketAddrExt as _;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            socket.send_to_addr(state.as_bytes(), &address)
        }
    });
    if let Err(error) = sent {
        tracing::warn!(%error, "cannot tell systemd");
    }
}
