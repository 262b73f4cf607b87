//! tmp
use baton_tests::house::tones;
use baton_tests::one_line::OneLine;
use softphone::{Mark, Wire};
use std::time::Duration;
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zz() {
    let stage = OneLine::open().await;
    let his = stage.consults().await;
    for (jitter, loss) in [(40, 0.05)] {
        let from = Mark::now();
        let bad = Wire { delay: Duration::from_millis(10), jitter: Duration::from_millis(jitter), loss };
        stage.alice.phone.wire(stage.hers, bad);
        stage.customer.phone.wire(stage.theirs, bad);
        stage.bob.phone.wire(his, Wire { delay: Duration::from_millis(10), jitter: Duration::from_millis(jitter), loss });
        tokio::time::sleep(Duration::from_millis(2000)).await;
        let heard = stage.alice.ear(stage.hers).since(from);
        let levels: Vec<String> = heard.samples.chunks_exact(160).map(|c| {
            let h = softphone::Heard { samples: c.to_vec(), packets: 1, lost: 0, longest_wait: Duration::ZERO };
            format!("{:.0}/{:.0}", h.level(tones::BOB_TOO), h.loudness())
        }).collect();
        eprintln!("jitter {jitter} loss {loss}: {}", levels.join(" "));
    }
    stage.alice_is_quiet(); stage.keys("*1"); stage.bob.is_let_go(his).await;
    stage.customer_closes().await;
}
