//! The fleet simulator: drivers, riders, customers and an operator who are clients of a running server, by the public
//! contracts alone. A run counts what the server does for them and checks what it promises: no event lost, none again
//! after its confirmation, none out of order.
//!
//! Invariant: the same seed makes the same world. Everything that is decided by chance comes from a generator that is
//! made of the seed and the actor's number ([`chance`]); only the network's timing differs from run to run.
//!
//! | file | owns |
//! | --- | --- |
//! | `city` | pure: the cities, their streets, and the way from one crossing to another |
//! | `world` | pure: somebody who drives along the streets, and what their phone says of it |
//! | `habits` | pure: the one table of how likely it is that somebody does something |
//! | `chance` | pure: a generator for each actor |
//! | `plan` | pure: who does what and when |
//! | `work` | pure: the jobs of one driver, and the next move |
//! | `hearing` | pure: the meaning of a message of any contract to its app |
//! | `book` | pure: the numbers of one account's events, and what is wrong with them |
//! | `report` | pure: the figures of a run, and the verdict |
//! | `board` | the common knowledge of one run's actors |
//! | `options` | the request for a run, and the reasons for which it can't be made |
//! | `rest`, `socket`, `line` | REST; one WebSocket; an account's connection over several of them, with its book |
//! | `accounts` | the people of a run, made and logged in |
//! | `driver`, `rider`, `operator` | the actors |
//! | `run` | a run from its first account to its report |

pub mod accounts;
pub mod board;
pub mod book;
pub mod chance;
pub mod city;
pub mod driver;
pub mod habits;
pub mod hearing;
pub mod line;
pub mod operator;
pub mod options;
pub mod plan;
pub mod report;
pub mod rest;
pub mod rider;
pub mod run;
pub mod socket;
pub mod work;
pub mod world;
