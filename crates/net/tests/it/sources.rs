//! Real clients against our server: swaks, Python's smtplib, Postfix's smtp-source, and the openssl command.

use std::process::Stdio;

use chancery_net::smtp::{ServerConfig, TlsMode};
use chancery_wire::smtp::Protocol;
use chancery_wire::smtp::server::{AuthOffer, Config};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::support::{Server, config};
use crate::tls::server_tls;

/// Runs a program to its end and returns its exit code and output.
async fn run(program: &str, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed for the tests: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn swaks_delivers_with_pipelining() {
    let server = Server::smtp().await;
    let address = server.address.to_string();
    let arguments = [
        "--server",
        &address,
        "--pipeline",
        "--from",
        "a@a.test",
        "--to",
        "b@b.test,bad@b.test",
        "--ehlo",
        "swaks.test",
        "--body",
        ".dots\\n..and more\\n.\\n",
    ];
    let (_, output) = run("swaks", &arguments, "").await;
    let messages = server.messages();
    assert_eq!(messages.len(), 1, "{output}");
    assert_eq!(messages[0].hello, "swaks.test");
    assert_eq!(messages[0].recipients.len(), 1, "the bad one was refused alone");
    let body = String::from_utf8(messages[0].body.clone()).unwrap();
    assert!(body.contains("\r\n.dots\r\n..and more\r\n.\r\n"), "{body}");
    server.stop().await;
}

#[tokio::test]
async fn swaks_logs_in() {
    let server =
        Server::start(ServerConfig::new(Config { auth: AuthOffer::Always, ..config() })).await;
    let address = server.address.to_string();
    for mechanism in ["PLAIN", "LOGIN"] {
        for (password, expected) in [("secret", 0), ("wrong", 28)] {
            let login = ["--auth", mechanism, "--auth-user", "joe", "--auth-password", password];
            let arguments = [&["--server", &address, "--to", "b@b.test"], &login[..]].concat();
            let (code, output) = run("swaks", &arguments, "").await;
            assert_eq!(code, Some(expected), "{output}");
        }
    }
    let messages = server.messages();
    assert_eq!(messages.len(), 2);
    assert!(messages.iter().all(|message| message.user.as_deref() == Some("joe")));
    server.stop().await;
}

#[tokio::test]
async fn swaks_speaks_lmtp() {
    let server = Server::lmtp().await;
    let address = server.address.to_string();
    let arguments = ["--server", &address, "--protocol", "LMTP", "--to", "b@b.test,full@b.test"];
    let (_, output) = run("swaks", &arguments, "").await;
    assert!(
        output.contains("250 2.0.0 taken") && output.contains("452 4.2.2 mailbox full"),
        "{output}"
    );
    server.stop().await;
}

#[tokio::test]
async fn smtplib_sends_what_arrives() {
    let session = Config { auth: AuthOffer::AfterTls, require_tls: true, ..config() };
    let tls = TlsMode::StartTls(server_tls());
    let server = Server::start(ServerConfig { tls, ..ServerConfig::new(session) }).await;
    let script = r"
import smtplib, ssl, sys
context = ssl._create_unverified_context()
with smtplib.SMTP('127.0.0.1', int(sys.argv[1])) as smtp:
    smtp.ehlo('py.test')
    assert not smtp.has_extn('auth')
    assert smtp.mail('a@a.test')[0] == 530
    smtp.starttls(context=context)
    smtp.ehlo('py.test')
    smtp.login('joe', 'secret')
    assert smtp.has_extn('smtputf8') and not smtp.has_extn('starttls')
    smtp.sendmail('ä@a.test', ['ö@b.test'], b'Subject: x\r\n\r\n.\r\n..\r\n\xc3\xbc\r\n', mail_options=['SMTPUTF8', 'BODY=8BITMIME'])
    code, text = smtp.mail('x@a.test', ['SIZE=999999999'])
    assert code == 552, (code, text)
    try:
        smtp.sendmail('a@a.test', ['bad@b.test'], 'x')
        raise SystemExit('the recipient was taken')
    except smtplib.SMTPRecipientsRefused as refused:
        assert refused.recipients['bad@b.test'][0] == 550
    assert smtp.docmd('VRFY', 'x')[0] == 252
";
    let (code, output) =
        run("python3", &["-c", script, &server.address.port().to_string()], "").await;
    assert_eq!(code, Some(0), "{output}");
    let messages = server.messages();
    assert_eq!(messages[0].mail.address, "ä@a.test");
    assert!(messages[0].mail.smtputf8);
    assert_eq!(messages[0].body, "Subject: x\r\n\r\n.\r\n..\r\nü\r\n".as_bytes());
    assert_eq!(messages[0].user.as_deref(), Some("joe"));
    assert_eq!(messages[0].tls.as_ref().map(|info| info.version), Some("TLSv1.3"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn smtp_source_delivers_many_in_parallel() {
    for (protocol, flag) in [(Protocol::Smtp, "-d"), (Protocol::Lmtp, "-L")] {
        let server = Server::start(ServerConfig::new(Config { protocol, ..config() })).await;
        let address = format!("inet:127.0.0.1:{}", server.address.port());
        let arguments = [
            flag, "-s", "10", "-m", "200", "-l", "10240", "-r", "3", "-f", "a@a.test", "-t",
            "b@b.test", &address,
        ];
        let (code, output) = run("smtp-source", &arguments, "").await;
        assert_eq!(code, Some(0), "{output}");
        let messages = server.messages();
        assert_eq!(messages.len(), 200);
        assert!(
            messages
                .iter()
                .all(|message| message.recipients.len() == 3 && message.body.len() >= 10_240)
        );
        server.stop().await;
    }
}

#[tokio::test]
async fn openssl_reads_the_certificate_over_starttls_and_over_implicit_tls() {
    for (mode, arguments) in [
        (TlsMode::StartTls(server_tls()), &["-starttls", "smtp"][..]),
        (TlsMode::Implicit(server_tls()), &[]),
    ] {
        let server = Server::start(ServerConfig { tls: mode, ..ServerConfig::new(config()) }).await;
        let address = server.address.to_string();
        let arguments =
            [&["s_client", "-connect", &address, "-quiet", "-crlf"][..], arguments].concat();
        let (_, output) = run("openssl", &arguments, "EHLO x\nQUIT\n").await;
        assert!(output.contains("250 DSN") && output.contains("221 2.0.0"), "{output}");
        server.stop().await;
    }
}
