//! A private Postfix: its own configuration, queue, log and ports, and mailboxes in the test's folder.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use super::run;
use crate::{
    place::{Folder, Port},
    wait,
};

/// Where Debian keeps it; other systems have it on the PATH.
const PATH: &str = "/usr/sbin:/usr/local/sbin:/usr/bin:/bin";

/// The user who owns the mailboxes: `nobody`.
const MAILBOX_USER: u32 = 65_534;

/// What a Postfix does for its organisation.
#[derive(Clone, Debug, Default)]
pub struct Role {
    /// The domain whose mailboxes it keeps.
    pub domain: String,
    /// Where outgoing mail goes.
    pub filter: Filter,
}

/// How outgoing mail reaches the gateway.
#[derive(Clone, Copy, Debug, Default)]
pub enum Filter {
    /// All mail of the submission port goes over LMTP to this address before anything else happens to it.
    Content(SocketAddr),
    /// It has none: mail for other domains is refused.
    #[default]
    None,
    /// Mail for other domains goes over SMTP to this address.
    Relay(SocketAddr),
}

/// One Postfix.
#[derive(Debug)]
pub struct Postfix {
    folder: Folder,
    submission: Port,
    inside: Port,
}

impl Postfix {
    /// Prepares one: its ports are known, and nothing runs yet.
    #[expect(clippy::new_without_default, reason = "taking ports is not a default")]
    pub fn new() -> Self {
        Self { folder: Folder::new(), submission: Port::pick(), inside: Port::pick() }
    }

    /// Starts it and returns when it accepts connections.
    pub fn start(&self, role: &Role) {
        self.write_configuration(role);
        let output = run(&mut self.control("start"), b"");
        let log = self.log();
        assert!(
            output.status.success(),
            "postfix does not start (it needs root): {output:?}\n{log}"
        );
    }

    /// Returns where the organisation's users hand in mail.
    pub fn submission(&self) -> SocketAddr {
        self.submission.address()
    }

    /// Returns where the gateway delivers: never filtered again.
    pub fn inside(&self) -> SocketAddr {
        self.inside.address()
    }

    /// Returns every message in the mailbox of the domain, oldest first.
    pub fn mailbox(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("mail/inbox/new")) else { return Vec::new() };
        let mut files: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        files
            .iter()
            .map(|file| {
                String::from_utf8_lossy(&fs::read(file).expect("a delivered mail can be read"))
                    .into_owned()
            })
            .collect()
    }

    /// Waits for a message that contains the mark, and returns it as the user finds it.
    pub fn delivered(&self, mark: &str) -> String {
        let found = wait::within(wait::PATIENCE, || {
            self.mailbox().into_iter().find(|message| message.contains(mark))
        });
        found.unwrap_or_else(|| {
            panic!("no mail with {mark:?} in the mailbox; the log says:\n{}", self.log())
        })
    }

    /// Returns what Postfix logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Returns the process that all others of this Postfix descend from.
    pub fn process(&self) -> u32 {
        let text = fs::read_to_string(self.path("queue/pid/master.pid"))
            .expect("postfix wrote its process number");
        text.trim().parse().expect("a process number")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn control(&self, verb: &str) -> Command {
        let mut command = Command::new("postfix");
        command.env("PATH", PATH).arg("-c").arg(self.path("etc")).arg(verb);
        command
    }

    fn write_configuration(&self, role: &Role) {
        for folder in ["etc", "queue", "data", "mail"] {
            fs::create_dir(self.path(folder)).expect("the folder is new");
        }
        let status = Command::new("chown").arg("postfix").arg(self.path("data")).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "cannot give a folder to the user postfix; run as root"
        );
        std::os::unix::fs::chown(self.path("mail"), Some(MAILBOX_USER), Some(MAILBOX_USER))
            .expect("run as root");
        fs::write(self.path("etc/main.cf"), main_cf(self.folder.path(), role))
            .expect("the folder is ours");
        let services = master_cf(self.submission.number(), self.inside.number());
        fs::write(self.path("etc/master.cf"), services).expect("the folder is ours");
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("── postfix\n{}", self.log());
        }
        let output = run(&mut self.control("stop"), b"");
        assert!(
            output.status.success() || std::thread::panicking(),
            "postfix does not stop: {output:?}"
        );
    }
}

fn main_cf(folder: &Path, role: &Role) -> String {
    let folder = folder.display();
    let domain = &role.domain;
    let mut text = format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mail.{domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
disable_dns_lookups = yes
smtpd_peername_lookup = no
message_size_limit = 104857600
virtual_mailbox_limit = 0
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{MAILBOX_USER}
virtual_gid_maps = static:{MAILBOX_USER}
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 2s
"
    );
    let line = match role.filter {
        Filter::Content(address) => {
            writeln!(text, "content_filter = lmtp:inet:[{}]:{}", address.ip(), address.port())
        }
        Filter::None => writeln!(text, "default_transport = error:no relay"),
        Filter::Relay(address) => {
            writeln!(text, "relayhost = [{}]:{}", address.ip(), address.port())
        }
    };
    line.expect("writing to a string");
    text
}

fn master_cf(submission: u16, inside: u16) -> String {
    format!(
        "127.0.0.1:{submission} inet n - n - - smtpd
127.0.0.1:{inside} inet n - n - - smtpd -o content_filter= -o receive_override_options=no_address_mappings
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"
    )
}
