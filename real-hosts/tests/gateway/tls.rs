//! TLS on both sides.

use std::{collections::BTreeSet, time::Duration};

use hyper::Version;
use live::folder::Folder;
use pointsman_sim::{Ca, Fault, TlsIdentity, Vendor};
use real_hosts::{
    client::{Ask, Connection, Protocol},
    play,
    stage::{Script, key_of},
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{CHAT, MESSAGES, chat, messages, start, streamed};

/// An authority, and a folder with its certificate.
struct Trust {
    ca: Ca,
    folder: Folder,
}

impl Trust {
    fn new() -> Self {
        let (ca, folder) = (Ca::new(), Folder::new("trust").expect("a folder"));
        std::fs::write(folder.path().join("ca.pem"), ca.cert_pem()).expect("a file");
        Self { ca, folder }
    }

    /// The script, with providers checked against this authority alone.
    fn checks(&self, script: Script) -> Script {
        script.set("/serve/ca", json!(self.folder.path().join("ca.pem")))
    }
}

fn with_tls(identity: TlsIdentity) -> impl FnOnce(&mut pointsman_sim::Options) {
    move |options| options.tls = Some(identity)
}

#[test]
fn each_provider_is_reached_by_its_own_name() {
    play(async {
        let trust = Trust::new();
        let name = with_tls(trust.ca.issue(&["localhost"]));
        let address = with_tls(trust.ca.issue(&["127.0.0.1"]));
        let script = Script::serving()
            .provider_at("localhost", "anthropic", Vendor::Anthropic, name)
            .provider_at("127.0.0.1", "minimax", Vendor::MiniMax, address)
            .alias("claude", &["anthropic/claude-opus-4-6"])
            .alias("mini", &["minimax/MiniMax-M3"]);
        let stage = start(trust.checks(script)).await;
        for protocol in [Protocol::H1, Protocol::H2] {
            for (path, body) in [(MESSAGES, messages("claude", "hi")), (CHAT, chat("mini", "hi"))] {
                let answer = Ask::json(path, &body).send_by(protocol, stage.address()).await;
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
        }
        let seen = stage.provider("anthropic").requests();
        assert_eq!(seen.len(), 2);
        for seen in &seen {
            assert_eq!(seen.sni.as_deref(), Some("localhost"));
            assert_eq!(seen.version, Version::HTTP_2, "it offers HTTP/2, and gets it");
            assert_eq!(seen.authority, format!("localhost:{}", stage.provider("anthropic").addr().port()));
            assert_eq!(seen.header("x-api-key"), Some(key_of("anthropic").as_str()));
        }
        assert_eq!(seen[0].connection, seen[1].connection, "connections are kept");
        for seen in stage.provider("minimax").requests() {
            assert_eq!(seen.sni, None, "an address is no name");
        }
    });
}

#[test]
fn a_wrong_certificate_is_a_failed_attempt_and_not_a_leak() {
    play(async {
        let (trust, stranger) = (Trust::new(), Ca::new());
        let script = Script::serving()
            .provider_at("localhost", "other-ca", Vendor::Generic, with_tls(stranger.issue(&["localhost"])))
            .provider_at(
                "localhost",
                "other-name",
                Vendor::Generic,
                with_tls(trust.ca.issue(&["elsewhere.test"])),
            )
            .provider_at("localhost", "good", Vendor::Generic, with_tls(trust.ca.issue(&["localhost"])))
            .alias("chain", &["other-ca/m", "other-name/m", "good/right"])
            .alias("nobody", &["other-ca/m", "other-name/m"]);
        let stage = start(trust.checks(script)).await;
        let answer = Ask::json(CHAT, &chat("chain", "a secret")).send(stage.address()).await;
        assert_eq!(
            (answer.status, answer.header("x-pointsman-model")),
            (200, "good/right"),
            "{}",
            answer.text()
        );
        let answer = Ask::json(CHAT, &chat("nobody", "a secret")).send(stage.address()).await;
        assert_eq!(answer.status, 502, "{}", answer.text());
        assert_eq!(answer.json()["error"]["code"], "pointsman_upstream_unreachable");
        for name in ["other-ca", "other-name"] {
            assert_eq!(stage.provider(name).served(), 0, "{name} was told nothing");
        }
    });
}

#[test]
fn clients_may_come_by_tls() {
    play(async {
        let trust = Trust::new();
        let identity = trust.ca.issue(&["router.test"]);
        let (certificate, key) = (trust.folder.path().join("chain.pem"), trust.folder.path().join("key.pem"));
        std::fs::write(&certificate, identity.cert_pem).expect("a file");
        std::fs::write(&key, identity.key_pem).expect("a file");
        let script = Script::serving().lane("auto", 2);
        let stage = start(script.set("/serve/tls", json!({ "certificate": certificate, "key": key }))).await;
        stage.provider("auto-a").set_fault(Fault::Status(503));
        for protocol in [Protocol::H1, Protocol::H2] {
            let opened =
                Connection::open_tls(protocol, stage.address(), "router.test", trust.ca.cert_pem()).await;
            let mut connection = opened.expect("a trusted connection");
            for _ in 0..2 {
                let answer = connection.send(Ask::json(CHAT, &chat("auto", "hi"))).await.expect("an answer");
                assert_eq!((answer.status, answer.header("x-pointsman-model")), (200, "auto-b/model-b"));
            }
        }
        let other = Ca::new();
        let refused =
            Connection::open_tls(Protocol::H2, stage.address(), "router.test", other.cert_pem()).await;
        assert!(refused.is_err(), "the certificate is really checked");
    });
}

/// A provider takes some hundred requests at once on one connection of HTTP/2. The others must not wait for their end.
#[test]
fn many_streams_do_not_wait_for_each_other() {
    play(async {
        let trust = Trust::new();
        let script = Script::serving()
            .provider_at("localhost", "busy", Vendor::Generic, with_tls(trust.ca.issue(&["localhost"])))
            .alias("auto", &["busy/model"]);
        let stage = start(trust.checks(script)).await;
        stage.provider("busy").set_fault(Fault::SlowStream { delay: Duration::from_millis(700) });
        let address = stage.address();
        let mut starting = JoinSet::new();
        for _ in 0..230 {
            starting.spawn(async move {
                let mut connection = Connection::open(Protocol::H1, address).await.expect("a connection");
                let ask = Ask::json(CHAT, &streamed(chat("auto", "tell me a story")));
                let flow = connection.start(ask).await.expect("an answer");
                (connection, flow)
            });
        }
        let flows = starting.join_all().await;
        let seen = stage.provider("busy").requests();
        assert_eq!(seen.len(), 230);
        let connections: BTreeSet<u64> = seen.iter().map(|seen| seen.connection).collect();
        assert!((2..10).contains(&connections.len()), "{connections:?}");
        assert!(flows.iter().all(|(_, flow)| flow.status == 200));
        assert!(seen.iter().all(|seen| !seen.ended), "all began before the first one ended");
    });
}
