//! The store on a real SQLite database in directories of its own.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod book;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod keybook;
#[cfg(test)]
mod model;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod published;
#[cfg(test)]
mod support;
#[cfg(test)]
mod trust;
