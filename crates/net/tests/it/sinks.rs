//! Our client against real servers: Postfix's smtp-sink and a server in Python that knows nothing of ours.

use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;
use std::time::Duration;

use chancery_net::smtp::{DeliveryOptions, Route};
use chancery_wire::smtp::Protocol;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use crate::support::{client, codes, deliver, deliver_with, letters, route};

/// smtp-sink on a Unix socket, dumping each message into a file.
async fn smtp_sink(arguments: &[&str]) -> (Child, TempDir, Route) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sink");
    // Run by root it wants to be told whom to become.
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut child = Command::new("smtp-sink")
        .current_dir(directory.path())
        .args(if is_root { &["-u", "root"][..] } else { &[] })
        .args(arguments)
        .args(["-d", "dump.", &format!("unix:{}", path.display()), "100"])
        .kill_on_drop(true)
        .spawn()
        .expect("smtp-sink (package postfix) is needed for the tests");
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    while UnixStream::connect(&path).await.is_err() {
        assert!(child.try_wait().unwrap().is_none(), "smtp-sink did not start");
        ticks.tick().await;
    }
    let protocol = if arguments.contains(&"-L") { Protocol::Lmtp } else { Protocol::Smtp };
    (child, directory, Route::Unix { path, protocol })
}

fn dumped(directory: &TempDir) -> Vec<String> {
    let files = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("dump."))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

#[tokio::test]
async fn smtp_sink_gets_every_octet() {
    let body = b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\n\r\nlast\r\n";
    for arguments in [&[][..], &["-L"], &["-p"], &["-e"]] {
        let (mut sink, directory, route) = smtp_sink(arguments).await;
        let report = deliver(&client(), &route, &["b", "c"], body).await;
        assert_eq!(letters(&report), "DD", "{report:?}");
        sink.kill().await.unwrap();
        let dumped = dumped(&directory);
        assert_eq!(dumped.len(), 1);
        // smtp-sink dumps lines with LF.
        let expected = String::from_utf8_lossy(body).replace("\r\n", "\n");
        assert!(dumped[0].contains(&expected), "{arguments:?}: {}", dumped[0]);
    }
}

#[tokio::test]
async fn smtp_sink_refuses_and_drops_at_each_command() {
    // -f: 5xx, -r: 4xx, -q: hang up; by command.
    for (arguments, expected) in [
        (&["-f", "mail"][..], "P"),
        (&["-r", "mail"], "T"),
        (&["-q", "mail"], "T"),
        (&["-f", "rcpt"], "P"),
        (&["-r", "rcpt"], "T"),
        (&["-q", "rcpt"], "T"),
        (&["-f", "data"], "P"),
        (&["-r", "data"], "T"),
        (&["-q", "data"], "T"),
        (&["-f", "."], "P"),
        (&["-r", "."], "T"),
        (&["-q", "."], "U"),
        (&["-f", "connect"], "T"),
        (&["-r", "connect"], "T"),
        (&["-q", "connect"], "T"),
    ] {
        let (mut sink, _directory, route) = smtp_sink(arguments).await;
        let report = deliver(&client(), &route, &["b"], b"x\r\n").await;
        assert_eq!(letters(&report), expected, "{arguments:?}: {report:?}");
        sink.kill().await.unwrap();
    }
}

/// A server in Python: prints its port, then one line of JSON for each message.
const PYTHON: &str = r"
import asyncio, json, sys
async def serve(reader, writer):
    def say(line): writer.write((line + '\r\n').encode())
    say('220 py')
    body = []
    while line := (await reader.readline()).decode('latin-1'):
        verb = line[:4].upper().strip()
        if verb == 'EHLO':
            for word in ['py'] + sys.argv[1:]: say('250-' + word)
            say('250 HELP')
        elif verb == 'DATA':
            say('354 go'); await writer.drain()
            body = b''
            while (part := await reader.readline()) != b'.\r\n': body += part[1:] if part[:1] == b'.' else part
            print(json.dumps(['DATA', body.decode('latin-1')]), flush=True); say('250 taken')
        elif verb == 'BDAT':
            body = await reader.readexactly(int(line.split()[1]))
            print(json.dumps(['BDAT', body.decode('latin-1')]), flush=True); say('250 taken')
        elif verb == 'QUIT':
            say('221 bye'); break
        else:
            say('250 ok')
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
";

#[tokio::test]
async fn python_gets_data_or_bdat_as_needed() {
    let chunking = DeliveryOptions { prefer_chunking: true, ..DeliveryOptions::default() };
    let plain = DeliveryOptions::default();
    for (extensions, body, options, expected) in [
        (
            &["PIPELINING", "CHUNKING", "8BITMIME"][..],
            "x\r\n.\r\n",
            &plain,
            Some(r#"["DATA", "x\r\n.\r\n"]"#),
        ),
        (
            &["PIPELINING", "CHUNKING", "8BITMIME"],
            "x\r\n.\r\n",
            &chunking,
            Some(r#"["BDAT", "x\r\n.\r\n"]"#),
        ),
        (
            &["PIPELINING", "CHUNKING", "8BITMIME"],
            "\u{fc}",
            &plain,
            Some(r#"["BDAT", "\u00c3\u00bc"]"#),
        ),
        (&["PIPELINING", "8BITMIME"], "x", &chunking, Some(r#"["DATA", "x\r\n"]"#)),
        (&[], "x\r\n", &chunking, Some(r#"["DATA", "x\r\n"]"#)),
        (&["CHUNKING"], "a\n.\nb", &chunking, Some(r#"["DATA", "a\r\n.\r\nb\r\n"]"#)),
        (&["PIPELINING"], "\u{fc}\r\n", &plain, None),
    ] {
        let mut server = Command::new("python3")
            .args(["-c", PYTHON])
            .args(extensions)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let port: u16 = lines.next_line().await.unwrap().unwrap().parse().unwrap();
        let route = route(([127, 0, 0, 1], port).into(), Protocol::Smtp);
        let report = deliver_with(&client(), &route, &["b"], body.as_bytes(), options).await;
        match expected {
            Some(expected) => {
                assert_eq!(letters(&report), "D", "{report:?}");
                assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(expected));
            }
            None => assert_eq!(codes(&report), ["smtp.needs_8bit"]),
        }
        server.kill().await.unwrap();
    }
}
