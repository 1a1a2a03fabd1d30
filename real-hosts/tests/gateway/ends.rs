//! How the gateway ends, and how it does not begin.

use std::{path::Path, time::Duration};

use live::gateway::Gateway;
use pointsman_sim::{Fault, Vendor};
use real_hosts::{
    client::{Ask, Connection, Protocol},
    play,
    stage::Script,
};
use serde_json::json;

use crate::{CHAT, chat, start, streamed};

#[test]
fn told_to_end_it_serves_what_is_under_way() {
    play(async {
        for protocol in [Protocol::H1, Protocol::H2] {
            let mut stage = start(Script::serving().lane("auto", 1)).await;
            stage.provider("auto-a").set_fault(Fault::SlowStream { delay: Duration::from_millis(60) });
            let mut body = streamed(chat("auto", "tell me a story"));
            body["max_tokens"] = json!(40);
            let mut connection = Connection::open(protocol, stage.address()).await.expect("a connection");
            let mut flow = connection.start(Ask::json(CHAT, &body)).await.expect("an answer");
            flow.next().await.expect("a piece");
            stage.gateway.signal("TERM").expect("a signal");
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(Connection::open(protocol, stage.address()).await.is_err(), "no new connections");
            assert!(stage.gateway.admin_page("/ready").expect("a page").contains("ending"));
            let answer = flow.finish().await;
            assert!(!answer.cut && answer.text().ends_with("data: [DONE]\n\n"), "{}", answer.text());
            drop(connection);
            assert!(stage.gateway.wait(Duration::from_secs(10)).expect("its end"), "{}", stage.gateway.log());
            let lines = stage.gateway.access_log();
            assert_eq!((lines.len(), &lines[0]["status"]), (1, &json!(200)), "the log is whole");
        }
    });
}

#[test]
fn what_takes_too_long_is_cut_off() {
    play(async {
        let script = Script::serving().lane("auto", 1).set("/serve/drain_timeout_ms", json!(500));
        let mut stage = start(script).await;
        stage.provider("auto-a").set_fault(Fault::SlowStream { delay: Duration::from_secs(5) });
        let mut connection = Connection::open(Protocol::H1, stage.address()).await.expect("a connection");
        let ask = Ask::json(CHAT, &streamed(chat("auto", "tell me a story")));
        let running = connection.start(ask);
        let told = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            stage.gateway.signal("INT").expect("a signal");
        };
        tokio::join!(
            async {
                let _ = running.await;
            },
            told
        );
        assert!(stage.gateway.wait(Duration::from_secs(10)).expect("its end"), "{}", stage.gateway.log());
        assert!(stage.gateway.log().contains("1 requests were cut off"), "{}", stage.gateway.log());
    });
}

#[test]
fn a_wrong_section_names_the_place_and_the_cure() {
    play(async {
        for (pointer, value, words) in [
            ("/serve/lisen", json!("127.0.0.1:0"), vec!["/serve", "lisen", "listen"]),
            ("/serve/max_body", json!(0), vec!["/serve/max_body", "1 to"]),
            ("/serve/first_byte_timeout_ms", json!("soon"), vec!["/serve/first_byte_timeout_ms"]),
            ("/serve/ca", json!("/nowhere/ca.pem"), vec!["/serve/ca", "/nowhere/ca.pem"]),
            (
                "/serve/tls",
                json!({ "certificate": "/nowhere/a", "key": "/nowhere/b" }),
                vec!["/serve/tls", "/nowhere/a"],
            ),
        ] {
            let script = Script::serving().provider("minimax", Vendor::MiniMax);
            let script = script.alias("auto", &["minimax/MiniMax-M3"]).set(pointer, value);
            let (cast, _) = script.cast().await;
            let binary = Path::new(env!("CARGO_BIN_EXE_gateway"));
            let failure = Gateway::start(binary, &cast.document, &cast.keys).expect_err("it must not start");
            for word in words {
                assert!(failure.0.contains(word), "{pointer}: {failure}");
            }
        }
    });
}
