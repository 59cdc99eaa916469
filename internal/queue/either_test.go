package queue_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"plumbline/internal/queue"
	"plumbline/internal/testkit/nats"
)

// onEither are the tests of what must hold wherever the streams are; the rest concerns the embedded server's files.
var onEither = map[string]func(*testing.T){
	"recognised":            TestMessageSentAgainIsRecognised,
	"two equal":             TestEqualPicturesWithoutDUPAreTwoCaptures,
	"after a restart":       TestMessageSentAgainIsRecognisedAfterARestartAndWhenDone,
	"forgotten":             TestMessageSentAgainIsForgottenAfterADay,
	"retained":              TestRetainedMessageIsNoNewCaptureHoweverOld,
	"waits for the first":   TestMessageSentAgainWaitsForTheFirstOne,
	"journal":               TestAcceptanceIsNotConfirmedBeforeTheJournal,
	"row":                   TestNothingIsRecordedWithoutItsJournalEntry,
	"missing entries":       TestStartAddsMissingJournalEntries,
	"missing of a refused":  TestStartAddsTheMissingEntryOfARefusedPayload,
	"full":                  TestFullQueueRefusesAndForgetsNothing,
	"refuses":               TestAcceptRefuses,
	"closed":                TestClosedHubAcceptsNothing,
	"outlives":              TestAcceptanceOutlivesItsSender,
	"order":                 TestCapturesAreClaimedInOrderAndOnce,
	"heartbeats":            TestHeartbeatsKeepTheLease,
	"dead worker":           TestDeadWorkersCaptureReturnsWithBlame,
	"hung":                  TestHungAnalysisLosesItsLeaseAndIsReported,
	"slow recorder":         TestSlowRecorderIsNoHungAnalysis,
	"release":               TestReleaseIsWithoutBlame,
	"closing worker":        TestClosingWorkerGivesBackWithoutBlame,
	"closing hub":           TestClosingHubGivesBackWithoutBlame,
	"given up":              TestClaimGivenUpLeavesTheCaptureWithoutBlame,
	"blame used up":         TestBlameUsedUpMakesADeadLetter,
	"newer format":          TestNewerFormatIsGivenBackWithoutBlame,
	"alone":                 TestBlamedCaptureIsInHandAlone,
	"buried":                TestBuriedCaptureIsListedShownAndReplayed,
	"dropped":               TestDroppedLetterIsNoted,
	"refused payload":       TestRefusedPayloadIsKeptAndKnown,
	"oversized":             TestOversizedPayloadIsKeptInPart,
	"no such letter":        TestNoSuchLetter,
	"half done":             TestStartFinishesWhatACrashLeftHalfDone,
	"dead letters are full": TestFullDeadLettersLoseNothing,
	"replay under way":      TestReplayUnderWayAtTheEndOfARunIsFinished,
	"burial under way":      TestWorkerThatDiedBetweenDeadLetterAndAcknowledgementLeavesOneOfThem,
	"metrics":               TestMetricsFollowTheQueue,
	"ready":                 TestReadyWhenOpen,
	"recorder's error":      TestHandInReturnsTheRecordersError,
	"closing ends claims":   TestClosingWorkerEndsClaims,
	"accept to acknowledge": TestCaptureFromAcceptToAcknowledge,
	"hand in":               TestResultIsRecordedBeforeHandInReturns,
	"joined":                TestJoinedWorkerDoesAllThatALocalOneDoes,
	"joined, dies":          TestJoinedWorkersDeathCostsItsLeaseAndOneBlame,
	"leases, given back":    TestWhatAWorkerGaveBackWaits,
	"leases, dead worker":   TestWhatADeadWorkerHeldWaits,
	"joined, newer format":  TestJoinedWorkerMeetsANewerFormat,
	"joined, outlives":      TestJoinedWorkerOutlivesItsHub,
	"joined, in hand":       TestWhatIsInHandWhenTheHubRestartsIsNotAnalysedTwiceByItsWorker,
	"joined, hangs":         TestHangingAnalysisElsewhereIsBlamedAlone,
	"joined, no hub":        TestResultThatNoHubTakesIsReported,
	"joined, present":       TestHubKnowsWhoWorksAndAsksToLeave,
}

const outsideName = "TestNATSOutside"

var (
	outsideServer *nats.Server // of TestNATSOutside, while it runs
	installations atomic.Int64 // on it
)

func TestNATSOutside(t *testing.T) {
	outsideServer = nats.Start(t, nil)
	for name, test := range onEither {
		t.Run(name, test)
	}
}

// place puts a hub's streams on a server outside where the test asks for that.
func place(t testing.TB, o *queue.Options) {
	if strings.HasPrefix(t.Name(), outsideName+"/") {
		o.Outside = &queue.Outside{
			Server: queue.Server{URLs: []string{outsideServer.URL()}}, Prefix: fmt.Sprintf("test%d", installations.Add(1)),
		}
	}
}
