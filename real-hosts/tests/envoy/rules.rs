use real_hosts::{client::Ask, play, stage::Script};
use serde_json::json;

#[test]
fn smoke() {
    play(async {
        let began = std::time::Instant::now();
        let stage = Script::new().lane("auto", 2).start().await;
        println!("started in {:?}", began.elapsed());
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": "hi"}]});
        let answer = Ask::json("/v1/chat/completions", &body).send(stage.address()).await;
        println!("{} {:?} {}", answer.status, answer.headers, answer.text());
        println!("{:#?}", stage.provider("auto-a").requests());
        println!("{:#?}", stage.envoy.access_log());
        println!("{}", stage.envoy.prometheus().unwrap().lines().filter(|l| l.contains("pointsman_")).collect::<Vec<_>>().join("\n"));
        println!("{}", stage.envoy.log());
    });
}
