//! `chancery explain`: the whole story of one message, or the long text of one code.

use std::path::Path;

use chancery_fault::Code;
use serde::Serialize;

use super::queue;
use crate::cli::Explain;
use crate::failure::Result;
use crate::installation::Installation;
use crate::output::Output;
use crate::{codes, story};

#[derive(Serialize)]
struct CodeShown {
    code: &'static str,
    fault: &'static str,
    retry: &'static str,
    reply: &'static str,
    summary: &'static str,
    help: &'static str,
}

/// Runs the command. Codes need no installation.
pub(super) fn run(config: Option<&Path>, options: &Explain, output: Output) -> Result {
    if let Some(code) = codes::find(&options.what) {
        return show(code, output);
    }
    let store = Installation::load(config)?.store()?;
    let view = queue::find(&store, &options.what)?;
    output.show(&view, || story::whole(&view))
}

fn show(code: &'static Code, output: Output) -> Result {
    let shown = CodeShown {
        code: code.id,
        fault: code.fault.as_str(),
        retry: code.retry.as_str(),
        reply: code.reply,
        summary: code.summary,
        help: code.help,
    };
    output.show(&shown, || {
        format!(
            "{}: {}\n\n{}\n\nfault  {}\nretry  {}\nreply  {}\n",
            code.id,
            code.summary,
            code.help,
            code.fault.as_str(),
            code.retry.as_str(),
            code.reply
        )
    })
}
