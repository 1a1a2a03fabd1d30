//! What isolates share by Durable Objects: exact budgets, and what is remembered of conversations.

use std::{path::PathBuf, time::Duration};

use live::{
    folder::Folder,
    workerd::{Site, Store, Workerd},
};
use pointsman_sim::Fault;
use real_hosts::{
    client::{Answer, Ask, Connection, Protocol},
    stage::Script,
    until,
};
use serde_json::{Value, json};

use crate::{CHAT, Stage, chat, play};

const BINDING: &str = "POINTSMAN_STORE";

fn store(of: Option<&str>, disk: Option<PathBuf>) -> Store {
    let of = of.map(str::to_owned);
    Store { binding: BINDING.to_owned(), class: "Store".to_owned(), of, disk }
}

/// 110 tokens at a dollar a million: 0.00011 dollars.
fn answer() -> Fault {
    let body = json!({
        "id": "x", "object": "chat.completion", "model": "model",
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Hello." } }],
        "usage": { "prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110 },
    });
    Fault::Raw { status: 200, content_type: "application/json".to_owned(), body: body.to_string() }
}

/// A lane of one provider with a price.
fn script(budgets: Value, worker: Value) -> Script {
    let price = json!({ "usd_per_mtok": { "input": 1, "output": 1 } });
    Script::new()
        .lane("paid", 1)
        .lane("free", 1)
        .set("/models", json!({ "paid-a/model-a": price, "free-a/model-a": price }))
        .set("/budgets", budgets)
        .set("/worker", worker)
}

/// Two isolates of the Worker, `pointsman` and `second`, with one store.
async fn two(script: Script) -> Stage {
    let (cast, _) = script.cast().await;
    let site = || Site::pointsman(&cast.document, &cast.keys).unwrap_or_else(|failure| panic!("{failure}"));
    let (mut first, mut second) = (site(), site());
    first.store = Some(store(None, None));
    second.name = "second".to_owned();
    second.store = Some(store(Some("pointsman"), None));
    let workerd = Workerd::start(&[first, second]).unwrap_or_else(|failure| panic!("{failure}"));
    Stage { workerd, cast }
}

/// A request that is expected to cost 0.0003 dollars and a little.
fn ask(alias: &str) -> Ask {
    let mut body = chat(alias, "hi");
    body["max_tokens"] = json!(300);
    Ask::json(CHAT, &body)
}

fn assert_refused(answer: &Answer, budget: &str) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    let text = answer.text();
    assert!(text.contains(&format!("the budget `{budget}` of ")), "{text}");
    assert!((1..=86_400).contains(&answer.header("retry-after").parse::<u64>().expect("seconds")));
}

#[test]
fn isolates_do_not_overspend_together() {
    play(async {
        // Three answers; and less than is expected of one.
        let budgets = json!([{ "name": "all", "usd": 0.00025, "window": "day" }]);
        let stage = two(script(budgets, json!({ "store": BINDING }))).await;
        stage.provider("paid-a").set_fault(answer());
        let doors = [stage.address(), stage.workerd.address("second")];
        let burst = || async {
            let asks = (0..16).map(|i| tokio::spawn(ask("paid").send(doors[i % 2])));
            let mut answered = 0;
            for answer in asks.collect::<Vec<_>>() {
                let answer = answer.await.expect("an answer");
                match answer.status {
                    200 => answered += 1,
                    _ => assert_refused(&answer, "all"),
                }
            }
            answered
        };
        let mut bursts = Vec::new();
        while bursts.iter().sum::<usize>() < 3 && bursts.len() < 200 {
            let answered = burst().await;
            bursts.push(answered);
            // Told in its own time.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(bursts.iter().sum::<usize>(), 3, "{bursts:?}: {}", stage.workerd.log());
        assert_eq!(burst().await + burst().await, 0);
        assert_eq!(stage.counts("paid", 1), [3]);
    });
}

#[test]
fn what_is_under_way_is_held_for_all() {
    play(async {
        let budgets = json!([{ "name": "all", "usd": 0.0002, "window": "day" }]);
        let stage = two(script(budgets, json!({ "store": BINDING }))).await;
        let second = stage.workerd.address("second");
        stage.provider("paid-a").set_fault(Fault::Hang);
        let mut connection = Connection::open(Protocol::H1, stage.address()).await.expect("a connection");
        tokio::select! {
            answer = connection.start(ask("paid")) => panic!("an answer: {:?}", answer.map(|flow| flow.status)),
            () = async {
                let arrived = || (stage.counts("paid", 1) == [1]).then_some(());
                until(Duration::from_secs(10), arrived).await.expect("it is asked");
                assert_refused(&ask("paid").send(second).await, "all");
            } => {}
        }
    });
}

#[test]
fn a_failed_request_costs_nothing_anywhere() {
    play(async {
        let budgets = json!([{ "name": "all", "usd": 0.0002, "window": "day" }]);
        let stage = two(script(budgets, json!({ "store": BINDING, "rest_after": 0 }))).await;
        stage.provider("paid-a").set_fault(Fault::Status(503));
        let doors = [stage.address(), stage.workerd.address("second")];
        for door in doors.into_iter().cycle().take(6) {
            let free = async || {
                let answer = ask("paid").send(door).await;
                (answer.status != 429).then_some(answer.status)
            };
            let mut status = free().await;
            while status.is_none() {
                // What the one before held is given back in its own time.
                tokio::time::sleep(Duration::from_millis(10)).await;
                status = free().await;
            }
            assert_eq!(status, Some(503));
        }
    });
}

#[test]
fn what_each_caller_spent_outlives_a_restart() {
    play(async {
        let callers: serde_json::Map<String, Value> = ["ada", "bob", "cyd"]
            .iter()
            .map(|name| ((*name).to_owned(), json!(pointsman_cli::token::digest(&format!("pm-of-{name}")))))
            .collect();
        let budgets = json!([
            { "name": "each", "usd": 0.0001, "window": "month", "per": "caller", "alias": "paid" },
            { "name": "cheap", "usd": 0.0001, "window": "month", "alias": "free" },
        ]);
        let script = script(budgets, json!({ "store": BINDING })).set("/callers", Value::Object(callers));
        let (cast, _) = script.cast().await;
        cast.providers["paid-a"].set_fault(answer());
        cast.providers["free-a"].set_fault(answer());
        let disk = Folder::new("store").expect("a folder");
        let start = || {
            let mut site =
                Site::pointsman(&cast.document, &cast.keys).unwrap_or_else(|failure| panic!("{failure}"));
            site.store = Some(store(None, Some(disk.path().to_owned())));
            Workerd::start(&[site]).unwrap_or_else(|failure| panic!("{failure}"))
        };
        let of = |name: &str, alias: &str| ask(alias).header("authorization", format!("Bearer pm-of-{name}"));
        let workerd = start();
        let door = workerd.address("pointsman");
        assert_eq!(of("ada", "paid").send(door).await.status, 200, "{}", workerd.log());
        assert_eq!(of("ada", "paid").send(door).await.status, 429);
        assert_eq!(of("bob", "paid").send(door).await.status, 200);
        assert_eq!(of("ada", "free").send(door).await.status, 200, "another alias, another purse");
        drop(workerd);
        let workerd = start();
        let door = workerd.address("pointsman");
        for (name, alias, status) in
            [("ada", "paid", 429), ("bob", "paid", 429), ("cyd", "free", 429), ("cyd", "paid", 200)]
        {
            let answer = of(name, alias).send(door).await;
            assert_eq!(answer.status, status, "{name} {alias}: {}", answer.text());
        }
    });
}

/// Objects that do not answer, by what stands in the place of an answer.
async fn without_an_answer(ask_of: &str, worker: Value) -> (Stage, Folder) {
    let folder = Folder::new("broken").expect("a folder");
    let text = format!(
        "import {{ DurableObject }} from \"cloudflare:workers\";\n\
         export class Store extends DurableObject {{ ask() {{ {ask_of} }} }}\n\
         export default {{ fetch: () => new Response(null) }};\n"
    );
    std::fs::write(folder.path().join("index.js"), text).expect("a file");
    let budgets = json!([{ "name": "own", "usd": 0.0001, "window": "day", "alias": "paid" }]);
    let (cast, _) = script(budgets, worker).cast().await;
    let mut site = Site::pointsman(&cast.document, &cast.keys).unwrap_or_else(|failure| panic!("{failure}"));
    site.store = Some(store(Some("broken"), None));
    let broken = Site {
        name: "broken".to_owned(),
        folder: folder.path().to_owned(),
        modules: vec!["index.js".to_owned()],
        texts: Vec::new(),
        kv: None,
        analytics: false,
        store: Some(store(None, None)),
    };
    let workerd = Workerd::start(&[site, broken]).unwrap_or_else(|failure| panic!("{failure}"));
    (Stage { workerd, cast }, folder)
}

#[test]
fn where_the_store_does_not_answer_the_isolate_counts_for_itself_and_says_so() {
    play(async {
        for broken in ["return new Promise(() => {})", "throw new Error(\"broken\")", "return \"nonsense\""] {
            let (stage, _folder) =
                without_an_answer(broken, json!({ "store": BINDING, "store_timeout_ms": 200 })).await;
            stage.provider("paid-a").set_fault(answer());
            let first = ask("paid").send(stage.address()).await;
            assert_eq!(first.status, 200, "{broken}: {}", first.text());
            assert_eq!(stage.logged("paid").await["details"], "store_unreachable", "{broken}");
            assert_refused(&ask("paid").send(stage.address()).await, "own");
            // Who has no budget asks nobody.
            assert_eq!(ask("free").send(stage.address()).await.status, 200);
            assert_eq!(stage.logged("free").await["details"], Value::Null, "{broken}");
        }
    });
}

#[test]
fn a_store_without_a_binding_is_an_answer_that_names_the_cure() {
    play(async {
        let budgets = json!([{ "name": "all", "usd": 1, "window": "day" }]);
        let stage = Stage::start(script(budgets, json!({ "store": "ELSEWHERE" }))).await;
        let answer = ask("paid").send(stage.address()).await;
        assert_eq!(answer.status, 500);
        let message = answer.json()["error"]["message"].as_str().map(str::to_owned).unwrap_or_default();
        for part in ["/worker/store", "`ELSEWHERE`", "pointsman worker"] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    });
}

#[test]
fn a_conversation_is_remembered_by_the_other_isolate() {
    play(async {
        let script = Script::new()
            .lane("talk", 2)
            .set("/worker", json!({ "store": BINDING, "remember": true, "rest_after": 0 }));
        let stage = two(script).await;
        let second = stage.workerd.address("second");
        let talk = |turns: &[&str]| {
            let roles = ["user", "assistant"].into_iter().cycle();
            let said = turns.iter().zip(roles).map(|(text, role)| json!({ "role": role, "content": text }));
            Ask::json(CHAT, &json!({ "model": "talk", "messages": said.collect::<Vec<_>>() }))
        };
        let mut remembered = false;
        for number in 0..20 {
            // The first target is down: the second one answers, and its cache is the warm one.
            let first = format!("Conversation {number}.");
            stage.provider("talk-a").set_fault(Fault::Status(503));
            let answer = talk(&[&first]).send(stage.address()).await;
            assert_eq!(answer.header("x-pointsman-model"), "talk-b/model-b", "{}", answer.text());
            stage.provider("talk-a").set_fault(Fault::None);
            // The store hears of it in its own time.
            tokio::time::sleep(Duration::from_millis(20 * number)).await;
            let answer = talk(&[&first, "Hello.", "Go on."]).send(second).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            remembered = answer.header("x-pointsman-model") == "talk-b/model-b";
            if remembered {
                break;
            }
        }
        assert!(remembered, "{}", stage.workerd.log());
        // Another conversation has another beginning.
        let answer = talk(&["uno", "Hola.", "dos"]).send(second).await;
        assert_eq!(answer.header("x-pointsman-model"), "talk-a/model-a");
    });
}
