//! A real name server, unbound, with the records of a test and nothing else.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
};

use crate::{
    place::{Folder, Port},
    wait,
};

/// A running unbound; it ends with this value.
#[derive(Debug)]
pub struct Unbound {
    address: SocketAddr,
    process: Child,
    _folder: Folder,
    _port: Port,
}

impl Unbound {
    /// Starts a server that knows these lines of a zone file, and says of every other name that it does not exist.
    pub fn start(lines: &[String]) -> Self {
        let (folder, port) = (Folder::new(), Port::pick());
        // The UDP port of the same number at 127.0.0.1 marks the port as taken, and this server needs UDP.
        let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), port.number()));
        let mut text = format!(
            "server:\n  interface: {}@{}\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n  directory: \"{}\"\n  \
             pidfile: \"\"\n  use-syslog: no\n  module-config: \"iterator\"\n  access-control: 127.0.0.0/8 allow\n  \
             local-zone: \".\" static\n",
            address.ip(),
            address.port(),
            folder.path().display()
        );
        for line in lines {
            text += &format!("  local-data: '{line}'\n");
        }
        text += "remote-control:\n  control-enable: no\n";
        let file = folder.path().join("unbound.conf");
        fs::write(&file, text).expect("the folder is ours");
        let mut command = Command::new("unbound");
        command.args(["-d", "-c"]).arg(&file).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut process =
            command.spawn().expect("install the package unbound: cargo xtask test tools");
        let ready = wait::within(wait::PATIENCE, || {
            let ended = process.try_wait().expect("it is our child");
            (ended.is_some() || std::net::TcpStream::connect(address).is_ok()).then_some(ended)
        });
        assert!(matches!(ready, Some(None)), "unbound does not answer: {ready:?}");
        Self { address, process, _folder: folder, _port: port }
    }

    /// Returns where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Unbound {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
