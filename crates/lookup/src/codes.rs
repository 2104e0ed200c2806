//! The stable codes of looking things up.

use chancery_fault::{Code, Fault, Retry};

/// All codes of this crate, for `chancery explain` and the generated reference.
pub const CODES: &[&Code] = &[&BUSY, &CIRCLE, &CONTENT, &INTERRUPTED];

/// There is too much to do at the moment.
pub(crate) static BUSY: Code = Code {
    id: "lookup.busy",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.2",
    summary: "too many questions about certificates are under way",
    help: "Look at the metrics `chancery_find_requests_total` and `chancery_find_joined_total`: somebody asks for very many \
           addresses, or a source is slow. Lower `timeout` of slow sources.",
};

/// A question that came back to us.
pub(crate) static CIRCLE: Code = Code {
    id: "lookup.circle",
    fault: Fault::Us,
    retry: Retry::Never,
    reply: "451 4.4.6",
    summary: "a question goes in circles between directories",
    help: "Two directories name each other as the source for the same domains. Name for each domain the directory that has \
           the certificates.",
};

/// What was fetched is nothing that was looked for.
pub(crate) static CONTENT: Code = Code {
    id: "lookup.content",
    fault: Fault::Partner,
    retry: Retry::Later,
    reply: "451 4.4.3",
    summary: "what was fetched is no certificate, list or response",
    help: "Fetch the address with `curl -o FILE URL` and look at it with `chancery cert show FILE`. Often it is a page in \
           HTML that a server gives instead of an error. Tell the authority whose address it is.",
};

/// The work was given up.
pub(crate) static INTERRUPTED: Code = Code {
    id: "lookup.interrupted",
    fault: Fault::Us,
    retry: Retry::Later,
    reply: "451 4.3.0",
    summary: "looking something up was interrupted",
    help: "The program is stopping, or the decision's time was over; what was asked for is fetched again when it is needed.",
};
