//! `chancery doc`: the generated pages of the reference.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use crate::cli::{Cli, Doc};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::{codes, settings};

/// Prints a page.
pub(super) fn run(options: &Doc, output: Output) -> Result {
    let page = match options.page.as_str() {
        "cli" => cli(),
        "configuration" => settings::reference_markdown(),
        "errors" => errors(),
        "metrics" => metrics(),
        "policy" => chancery_policy::reference_markdown(),
        "queue-states" => states(),
        other => {
            return Err(Failure::usage(format!("there is no page {other}"))
                .hint("choose one of cli, configuration, errors, metrics, policy, queue-states"));
        }
    };
    output.print(&page)
}

fn cli() -> String {
    let mut page = String::from(
        "# Commands\n\nGenerated from the program's own definitions by `cargo xtask gen`.\n\n\
         Exit status: 0 done, or the answer is yes; 1 the answer is no; 2 usage or configuration; 3 our failure.\n",
    );
    let mut root = Cli::command().term_width(100);
    root.build();
    write_command(&mut page, &mut root, "chancery");
    page
}

fn write_command(page: &mut String, command: &mut clap::Command, path: &str) {
    // Writing to a string cannot fail.
    let _ok = write!(
        page,
        "\n## `{path}`\n\n```text\n{}\n```\n",
        command.render_long_help().to_string().trim_end()
    );
    for sub in command.get_subcommands_mut() {
        if sub.get_name() != "help" && !sub.is_hide_set() {
            let path = format!("{path} {}", sub.get_name());
            write_command(page, sub, &path);
        }
    }
}

fn errors() -> String {
    let mut page = String::from(
        "# Error codes\n\nGenerated from the program's own tables by `cargo xtask gen`. SMTP replies, logs, metrics, the \
         audit log and `chancery explain CODE` use the same codes.\n\nFault: who can mend it. Retry: whether the same \
         thing can work later.\n",
    );
    let mut area = "";
    let mut sorted: Vec<_> = codes::all().collect();
    sorted.sort_by_key(|code| code.id);
    sorted.dedup_by_key(|code| code.id);
    for code in sorted {
        let (its_area, _) = code.id.split_once('.').unwrap_or((code.id, ""));
        if its_area != area {
            area = its_area;
            let _ok = write!(page, "\n## {area}\n");
        }
        let _ok = write!(
            page,
            "\n### `{}`\n\n{}.\n\n{}\n\nFault: {}. Retry: {}. Reply: `{}`.\n",
            code.id,
            capital(code.summary),
            code.help,
            code.fault.as_str(),
            code.retry.as_str(),
            code.reply
        );
    }
    page
}

fn metrics() -> String {
    let mut page = String::from(
        "# Metrics\n\nGenerated from the program's own table by `cargo xtask gen`. Served for Prometheus at \
         `metrics.listen` under `/metrics`.\n\n| name | type | meaning |\n|---|---|---|\n",
    );
    for doc in chancery_gateway::metrics::documentation()
        .chain(chancery_directory::metrics::documentation())
    {
        let _ok = writeln!(page, "| `{}` | {} | {} |", doc.name, doc.kind, doc.help);
    }
    page
}

fn states() -> String {
    let mut page = String::from(
        "# States of a recipient\n\nGenerated from the function that every change of the queue goes through, by \
         `cargo xtask gen`.\n\nEach recipient of each message is in exactly one state. A row is the state it is in, a \
         column what happens; an empty field is refused.\n\n| state |",
    );
    for event in chancery_store::Event::ALL {
        let _ok = write!(page, " {event:?} |");
    }
    page.push_str("\n|---|");
    page.push_str(&"---|".repeat(chancery_store::Event::ALL.len()));
    page.push('\n');
    for state in chancery_store::State::ALL {
        let _ok = write!(page, "| {state} |");
        for event in chancery_store::Event::ALL {
            let after = chancery_store::queue::state::next(state, event);
            let _ok =
                write!(page, " {} |", after.map(|after| after.to_string()).unwrap_or_default());
        }
        page.push('\n');
    }
    page
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
