//! Who takes part: nothing at all, Postfix with its defaults, and Chancery.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use super::{Running, cpu_ticks, free_port, wait_for_port};
use crate::run::{Result, command, output, succeed};

/// Something between source and sink.
pub(super) trait Contender {
    fn name(&self) -> String;

    /// Where it takes mail.
    fn port(&self) -> u16;

    /// Its first process.
    fn process(&self) -> Option<u32>;

    /// CPU time so far.
    fn cpu_ticks(&self) -> Result<f64> {
        self.process().map_or(Ok(0.0), cpu_ticks)
    }
}

/// The source speaks to the sink.
pub(super) struct Direct {
    pub(super) sink: u16,
}

/// Postfix as Debian ships it, relaying to the sink in clear.
pub(super) struct Postfix {
    folder: PathBuf,
    port: u16,
    process: u32,
}

/// The gateway of one organisation, with a partner at the other end.
pub(super) struct Chancery {
    key_type: String,
    port: u16,
    serve: Running,
}

impl Contender for Direct {
    fn name(&self) -> String {
        "nothing".into()
    }

    fn port(&self) -> u16 {
        self.sink
    }

    fn process(&self) -> Option<u32> {
        None
    }
}

impl Contender for Postfix {
    fn name(&self) -> String {
        "Postfix, in clear".into()
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn process(&self) -> Option<u32> {
        Some(self.process)
    }
}

impl Contender for Chancery {
    fn name(&self) -> String {
        format!("Chancery, {}", self.key_type)
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn process(&self) -> Option<u32> {
        Some(self.serve.0.id())
    }
}

impl Postfix {
    pub(super) fn start(folder: &Path, sink: u16) -> Result<Self> {
        let port = free_port()?;
        for name in ["", "etc", "queue", "data"] {
            let path = folder.join(name);
            fs::create_dir_all(&path)
                .map_err(|error| format!("cannot create {}: {error}", path.display()))?;
        }
        succeed(command("chown").arg("postfix").arg(folder.join("data")))?;
        write(&folder.join("etc/main.cf"), &main_cf(folder, sink))?;
        write(&folder.join("etc/master.cf"), &master_cf(port))?;
        succeed(command("postfix").arg("-c").arg(folder.join("etc")).arg("start"))?;
        let pid = folder.join("queue/pid/master.pid");
        let text = fs::read_to_string(&pid)
            .map_err(|error| format!("cannot read {}: {error}", pid.display()))?;
        let process = text.trim().parse().map_err(|error| format!("{}: {error}", pid.display()))?;
        Ok(Self { folder: folder.into(), port, process })
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if let Err(message) =
            succeed(command("postfix").arg("-c").arg(self.folder.join("etc")).arg("stop"))
        {
            println!("{message}");
        }
    }
}

impl Chancery {
    pub(super) fn start(binary: &Path, folder: &Path, key_type: &str, sink: u16) -> Result<Self> {
        let port = free_port()?;
        let partner = folder.join("partner");
        init(
            binary,
            folder,
            "acme.example",
            key_type,
            &[("--inside-listen", port), ("--outside-listen", free_port()?)],
            sink,
        )?;
        init(
            binary,
            &partner,
            "globex.example",
            key_type,
            &[("--inside-listen", free_port()?)],
            sink,
        )?;
        let configuration = folder.join("chancery.toml");
        let text = fs::read_to_string(&configuration)
            .map_err(|error| format!("no configuration: {error}"))?;
        // One client has all the sessions here, which the default takes for an attack.
        write(&configuration, &with_limit(&text)?)?;
        let run = |folder: &Path| {
            let mut command = command(binary);
            command.arg("--config").arg(folder.join("chancery.toml"));
            command
        };
        let card = folder.join("partner.pem");
        succeed(
            run(&partner)
                .args(["partner", "card", "--out"])
                .arg(&card)
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        let shown = output(
            run(&partner).args(["--format", "json", "partner", "card", "--out"]).arg(&card),
        )?;
        let fingerprint =
            shown.split("\"fingerprint\":").nth(1).and_then(|rest| rest.split('"').nth(1));
        let fingerprint = fingerprint.ok_or("the card has no fingerprint")?;
        let add = ["partner", "add", "--yes", "--fingerprint", fingerprint];
        succeed(run(folder).args(add).arg(&card).stdout(Stdio::null()).stderr(Stdio::null()))?;
        let log = fs::File::create(folder.join("log"))
            .map_err(|error| format!("cannot create the log: {error}"))?;
        let serve = Running::spawn(run(folder).arg("serve").stdout(Stdio::null()).stderr(log))?;
        wait_for_port(port)?;
        Ok(Self { key_type: key_type.into(), port, serve })
    }
}

fn init(
    binary: &Path,
    folder: &Path,
    domain: &str,
    key_type: &str,
    listeners: &[(&str, u16)],
    sink: u16,
) -> Result {
    let mut init = command(binary);
    init.args(["init", domain, "--key-type", key_type, "--dir"]).arg(folder);
    for (option, port) in listeners {
        init.args([option, format!("127.0.0.1:{port}").as_str()]);
    }
    init.args(["--outside-route", &format!("smtp:127.0.0.1:{sink}"), "--metrics-listen", ""]);
    succeed(init.stdout(Stdio::null()).stderr(Stdio::null()))
}

/// Lets one client have as many sessions as the source opens.
fn with_limit(text: &str) -> Result<String> {
    let mut table: toml::Table =
        text.parse().map_err(|error| format!("cannot read the configuration: {error}"))?;
    let limits = table.entry("limits").or_insert_with(|| toml::Table::new().into());
    let limits = limits.as_table_mut().ok_or("limits is no table")?;
    limits.insert("connections-per-client".into(), 500.into());
    Ok(table.to_string())
}

fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn main_cf(folder: &Path, sink: u16) -> String {
    let folder = folder.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mail.acme.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
disable_dns_lookups = yes
smtpd_peername_lookup = no
relayhost = [127.0.0.1]:{sink}
# One client has all the sessions here.
smtpd_client_connection_count_limit = 0
"
    )
}

fn master_cf(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"
    )
}
