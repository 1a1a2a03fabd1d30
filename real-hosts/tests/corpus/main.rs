//! The golden corpus through real hosts: the same decisions, the same bytes sent, the same bills as the core's own.

use std::net::SocketAddr;

use live::{
    envoy::{Envoy, Options},
    gateway::{self, Gateway},
    workerd::{Site, Workerd},
};
use pointsman_corpus::{Corpus, Cuts, Failover, parity};
use real_hosts::corpus::{HostDoor, Running};
use serde_json::Value;

struct RunningEnvoy(Envoy);

impl Running for RunningEnvoy {
    fn address(&self) -> SocketAddr {
        self.0.address()
    }

    fn access_log(&self) -> Vec<Value> {
        self.0.access_log()
    }
}

fn envoy(document: &Value, keys: &[(String, String)]) -> Box<dyn Running> {
    let mut document = document.clone();
    // Sections of the other hosts are theirs.
    if let Some(document) = document.as_object_mut() {
        document.retain(|key, _| key != "serve" && key != "worker");
    }
    let options = Options { log_level: "warning".to_owned(), ..Options::default() };
    let envoy = Envoy::start(&document, keys, &options).unwrap_or_else(|failure| panic!("{failure}"));
    Box::new(RunningEnvoy(envoy))
}

struct RunningGateway(Gateway);

impl Running for RunningGateway {
    fn address(&self) -> SocketAddr {
        self.0.address()
    }

    fn access_log(&self) -> Vec<Value> {
        self.0.access_log()
    }
}

fn gateway(document: &Value, keys: &[(String, String)]) -> Box<dyn Running> {
    let binary = gateway::build().unwrap_or_else(|failure| panic!("{failure}"));
    let gateway = Gateway::start(&binary, document, keys).unwrap_or_else(|failure| panic!("{failure}"));
    Box::new(RunningGateway(gateway))
}

struct RunningWorkerd(Workerd);

impl Running for RunningWorkerd {
    fn address(&self) -> SocketAddr {
        self.0.address("pointsman")
    }

    fn access_log(&self) -> Vec<Value> {
        self.0.access_log()
    }
}

fn workerd(document: &Value, keys: &[(String, String)]) -> Box<dyn Running> {
    let site = Site::pointsman(document, keys).unwrap_or_else(|failure| panic!("{failure}"));
    let workerd = Workerd::start(&[site]).unwrap_or_else(|failure| panic!("{failure}"));
    Box::new(RunningWorkerd(workerd))
}

/// What any server and any client says of a connection.
const CONNECTION: [&str; 5] = ["host", "content-length", "transfer-encoding", "connection", "date"];

#[test]
fn the_gateway_decides_sends_and_bills_as_the_core_does() {
    let mut cuts = Cuts::drawn("local gateway");
    let mut door = HostDoor::new("local gateway", Failover::Core, &CONNECTION, gateway);
    let known = [(
        "answer half a responses stream",
        "it asks the next target where a stream breaks before any content",
    )];
    parity::run(&Corpus::read(), &mut door, &mut cuts).but_for(&known).expect_none("the local gateway");
}

#[test]
fn workerd_decides_sends_and_bills_as_the_core_does() {
    let mut cuts = Cuts::drawn("real workerd");
    let mut door = HostDoor::new("real workerd", Failover::Core, &CONNECTION, workerd);
    // Told by the Worker that the body broke, its server writes the last chunk all the same.
    let ended = "workerd's server ends a chunked body in good order, whatever became of it";
    let known = [
        ("answer compressed all the same", "workerd decodes answers, and this one is no whole gzip"),
        ("answer half a stream", ended),
        ("answer half a messages stream", ended),
        (
            "answer half a responses stream",
            "it asks the next target where a stream breaks before any content",
        ),
        ("failover all reset", "workerd does not tell a reset from a refusal"),
        ("failover all reset, in Anthropic's words", "workerd does not tell a reset from a refusal"),
    ];
    parity::run(&Corpus::read(), &mut door, &mut cuts).but_for(&known).expect_none("real workerd");
}

/// What Envoy says of a connection, a request or itself.
const ENVOYS: [&str; 9] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "x-request-id",
    "x-forwarded-",
    "x-envoy-",
    "server",
    "date",
];

#[test]
fn envoy_decides_sends_and_bills_as_the_core_does() {
    let mut cuts = Cuts::drawn("real Envoy");
    let mut door = HostDoor::new("real Envoy", Failover::Envoy, &ENVOYS, envoy);
    parity::run(&Corpus::read(), &mut door, &mut cuts).expect_none("real Envoy");
}
