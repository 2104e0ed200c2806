//! The gateway role: mail in, plan, protect or open, mail out.
