//! What a stranger learns from the time of an answer: nothing about who is there and not published.

use std::io::Write as _;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use chancery_e2e::place::{Folder, Port};
use chancery_e2e::wait;

use crate::crowd::client;
use crate::directory::{answers_of, equal, search};
use crate::upstreams::{self, CORP, active_directory, at, authority, before, person, user};

/// Asks from an address of its own, through a proxy; returns how long the answer took, which must be that there is nothing.
fn ask(server: SocketAddr, number: u32, address: &str) -> Duration {
    let mut stream = client(PROXY, server);
    stream.set_nodelay(true).expect("TCP has it");
    let [_, high, middle, low] = number.to_be_bytes();
    let head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
    let header = [&head[..], &[10, high, middle, low, 127, 0, 0, 1, 0, 1, 0, 2]].concat();
    let begun = Instant::now();
    let request = search(1, "", &equal("mail", address));
    stream.write_all(&[header, request].concat()).expect("it reads");
    stream.shutdown(Shutdown::Write).ok();
    let answer = answers_of(&mut stream, 1);
    let took = begun.elapsed();
    assert_eq!((answer.codes, answer.names.len()), (vec![0], 0), "{address}");
    took
}

/// Returns the chance that an answer of the one kind takes longer than one of the other: a half if nothing tells them
/// apart (Mann and Whitney). It has no use for how much longer, which is a matter of what else the machine does.
fn order(one: &[Duration], other: &[Duration]) -> f64 {
    let halves: u32 = one
        .iter()
        .flat_map(|a| other.iter().map(move |b| 1 + u32::from(a > b) - u32::from(a < b)))
        .sum();
    let pairs = u32::try_from(one.len() * other.len()).expect("there are few");
    f64::from(halves) / f64::from(2 * pairs)
}

#[test]
fn who_is_hidden_takes_as_long_as_who_is_not_there() {
    let place = Folder::new();
    let folder = place.path();
    authority(folder);
    let people = |start: &str| -> Vec<String> {
        (0..PEOPLE).map(|number| format!("{start}{number}@acme.example")).collect()
    };
    let kinds = [people("nobody"), people("corporate"), people("stored")];
    // Behind us there are certificates of the second kind, and in our own store those of the third.
    for (serial, kind) in (2..).zip(&kinds[1..]) {
        let addresses: Vec<&str> = kind.iter().map(String::as_str).collect();
        person(folder, &format!("kind{serial}"), serial, &addresses);
    }
    let entries: Vec<String> = (0..)
        .zip(&kinds[1])
        .map(|(number, address)| user(folder, &format!("u{number}"), &[address], "kind2.der"))
        .collect();
    let port = Port::pick();
    let _server = active_directory(folder, &entries.concat(), "", &port);
    let sources = format!(
        "[find]\nnegative-lifetime = \"1s\"\n[[find.source]]\nname = \"ad\"\nkind = \"directory\"\n\
         url = \"ldap://{}/{CORP}\"\ntls = \"none\"\nfilter = \"(proxyAddresses=smtp:{{address}})\"\n",
        port.address()
    );
    let gateway = before(folder, &sources, &[&PROXY.to_string()]);
    let stored = folder.join("kind3.pem").display().to_string();
    gateway.demand(&["cert", "import", &stored]);
    // They are there, for those who may see them.
    for kind in &kinds[1..] {
        wait::until("those inside", || {
            let filter = format!("(mail={})", kind[0]);
            let said = upstreams::ask(&gateway, "inside", &filter, &["1.1"]);
            said.0.starts_with("dn:").then_some(())
        });
    }
    let server = at(&gateway, "outside").replace("ldap://", "").parse().expect("an address");
    let mut times = [const { Vec::new() }; 3];
    let mut numbers = 0..;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for person in 0..PEOPLE {
            for (times, kind) in times.iter_mut().zip(&kinds) {
                // Networks, not only clients, are counted.
                let number = numbers.next().expect("there are enough") * 256;
                times.push(ask(server, number, &kind[person]));
            }
        }
        wait::until("the end of what is kept of a no", || (begun.elapsed() > NO).then_some(()));
    }
    let medians = times.clone().map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    let [nobody, corporate, stored] = &times;
    let orders = [order(nobody, corporate), order(nobody, stored), order(corporate, stored)];
    eprintln!("nobody, in a directory behind us, in our store: {medians:?}; orders {orders:.2?}");
    for order in orders {
        assert!((0.25..0.75).contains(&order), "{orders:?}, {medians:?}");
    }
}

/// Who says for whom it asks.
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
/// How long a "no" is kept, and a little more.
const NO: Duration = Duration::from_millis(1_050);
/// People of each kind.
const PEOPLE: usize = 8;
/// With 64 answers of each kind, chance alone leads out of the bounds once in a million times.
const ROUNDS: usize = 8;
