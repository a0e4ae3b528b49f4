"""The scheduler with fake work: who runs next, on which slot, with whom, and what happens to those who leave."""

from collections import Counter
from contextlib import asynccontextmanager

import anyio
import pytest

from mezan.engine.cohorts import Cohort, Place
from mezan.engine.scheduler import Job, Scheduler

pytestmark = pytest.mark.anyio


class Fake:
    """An executor that notes what it is given and holds each call until it is let go."""

    def __init__(self):
        self.calls, self.held = [], True
        self.go = anyio.Event()
        self.at_once, self.most = Counter(), Counter()

    async def __call__(self, jobs, device):
        self.calls.append([job.work for job in jobs])
        self.at_once[device] += 1
        self.most[device] = max(self.most[device], self.at_once[device])
        try:
            if jobs[0].work == "fails":
                raise ValueError("it fails")
            if self.held:
                await self.go.wait()
            for job in jobs:
                job.finish(job.work)
        finally:
            self.at_once[device] -= 1


@asynccontextmanager
async def scheduling(fake, **capacity):
    """Running slots; the first job holds the only one, so that the others wait."""
    async with anyio.create_task_group() as tasks:
        scheduler = Scheduler(fake, capacity or {"cpu": 1}, largest_batch=4)
        scheduler.start(tasks)
        await anyio.wait_all_tasks_blocked()
        yield scheduler, tasks
        tasks.cancel_scope.cancel()


async def queue(scheduler, tasks, *jobs):
    """Queue jobs in order, each before the next."""
    for job in jobs:
        tasks.start_soon(scheduler.run, job)
        await anyio.wait_all_tasks_blocked()


async def let_go(fake, *jobs):
    fake.go.set()
    with anyio.fail_after(5):
        for job in jobs:
            await job.finished.wait()


async def test_higher_priorities_run_first_then_earlier_deadlines_then_earlier_arrivals():
    """In this order, whatever the order of arrival."""
    async with scheduling(fake := Fake()) as (scheduler, tasks):
        now = anyio.current_time()
        jobs = [
            Job("busy"),
            Job("late", deadline=now + 500),
            Job("first come"),
            Job("second come"),
            Job("soon", deadline=now + 100),
            Job("urgent", priority=5),
            Job("urgent and soon", priority=5, deadline=now + 100),
            Job("unimportant", priority=-1, deadline=now + 50),
        ]
        await queue(scheduler, tasks, *jobs)
        assert (scheduler.waiting, scheduler.running) == (7, 1)
        await let_go(fake, *jobs)
        assert [work for (work,) in fake.calls] == [
            "busy", "urgent and soon", "urgent", "soon", "late", "first come", "second come", "unimportant",
        ]  # fmt: skip
        assert scheduler.waiting == 0


async def test_a_device_never_runs_more_than_its_slots():
    """Each device has its own."""
    async with scheduling(fake := Fake(), cpu=3, gpu=1) as (scheduler, tasks):
        jobs = [Job(i, device="gpu" if i % 3 == 0 else "cpu") for i in range(12)]
        await queue(scheduler, tasks, *jobs)
        assert fake.at_once == {"cpu": 3, "gpu": 1}
        await let_go(fake, *jobs)
        assert fake.most == {"cpu": 3, "gpu": 1}
        assert sorted(work for (work,) in fake.calls) == list(range(12))


async def test_jobs_of_one_group_that_wait_together_run_in_one_call():
    """Up to the largest batch, and none twice; those without a group run alone."""
    async with scheduling(fake := Fake()) as (scheduler, tasks):
        jobs = [Job("busy"), *(Job(f"a{i}", group="a") for i in range(6)), Job("alone"), Job("b0", group="b")]
        await queue(scheduler, tasks, *jobs)
        await let_go(fake, *jobs)
        assert fake.calls == [["busy"], ["a0", "a1", "a2", "a3"], ["a4", "a5"], ["alone"], ["b0"]]


async def test_a_batch_takes_its_most_important_jobs():
    """A group is led by its most urgent job, and filled in order of priority."""
    async with scheduling(fake := Fake()) as (scheduler, tasks):
        jobs = [Job("busy"), Job("x"), *(Job(f"a{i}", group="a", priority=i) for i in range(6))]
        await queue(scheduler, tasks, *jobs)
        await let_go(fake, *jobs)
        assert fake.calls == [["busy"], ["a5", "a4", "a3", "a2"], ["a1", "a0"], ["x"]]


async def test_jobs_that_come_together_start_when_the_last_is_there():
    """Idle slots or not; a member that leaves, once or twice, is not waited for, and strangers wait for nobody."""
    async with scheduling(fake := Fake(), cpu=3) as (scheduler, tasks):
        cohort = Cohort(5, scheduler.queue)
        places = [Place(cohort) for _ in range(5)]
        jobs = [Job(f"a{i}", group="a", place=place) for i, place in enumerate(places)]
        await queue(scheduler, tasks, *jobs[:3], Job("stranger"))
        assert fake.calls == [["stranger"]]
        assert scheduler.waiting == 3
        places[4].leave()
        places[4].leave()
        await anyio.wait_all_tasks_blocked()
        assert fake.calls == [["stranger"]]
        places[3].leave()
        await anyio.wait_all_tasks_blocked()
        assert fake.calls == [["stranger"], ["a0", "a1", "a2"]]
        again = Job("again", group="a", place=places[0])
        await queue(scheduler, tasks, again)
        assert fake.calls[-1] == ["again"]
        await let_go(fake, *jobs[:3], again)


async def test_a_full_call_waits_for_nobody():
    """Groups fill up apart; a cancelled member is not run, and is not waited for."""
    async with scheduling(fake := Fake(), cpu=3) as (scheduler, tasks):
        cohort = Cohort(9, scheduler.queue)
        jobs = [Job(f"{g}{i}", group=g, place=Place(cohort)) for i, g in enumerate("abababa")]
        await queue(scheduler, tasks, *jobs)
        assert fake.calls == [["a0", "a2", "a4", "a6"]]
        scheduler.cancel(jobs[3])
        for _ in range(2):
            Place(cohort).leave()
        await anyio.wait_all_tasks_blocked()
        assert fake.calls[1:] == [["b1", "b5"]]
        await let_go(fake, *jobs)


async def test_a_batch_of_kernels_weighs_no_more_than_allowed_with_its_padding():
    """Six would be padded to sixteen, so four run; what is heavier than the limit runs alone."""
    async with scheduling(fake := Fake()) as (scheduler, tasks):
        jobs = [Job(i, group="a", weight=2**26) for i in range(6)] + [
            Job(f"h{i}", group="h", weight=2**29) for i in "ab"
        ]
        busy = Job("busy")
        await queue(scheduler, tasks, busy, *jobs)
        await let_go(fake, *jobs)
        assert fake.calls == [["busy"], [0, 1, 2, 3], [4, 5], ["ha"], ["hb"]]


async def test_groups_of_two_devices_do_not_mix():
    """The same shape on another device is another call."""
    async with scheduling(fake := Fake(), cpu=1, gpu=1) as (scheduler, tasks):
        jobs = [Job("c"), Job("g", device="gpu"), Job("c1", group="a"), Job("g1", group="a", device="gpu")]
        await queue(scheduler, tasks, *jobs)
        await let_go(fake, *jobs)
        assert sorted(fake.calls) == [["c"], ["c1"], ["g"], ["g1"]]


async def test_a_waiting_job_that_is_cancelled_never_starts():
    """Neither alone nor in a batch."""
    async with scheduling(fake := Fake()) as (scheduler, tasks):
        jobs = [Job("busy"), Job("alone"), Job("a0", group="a"), Job("a1", group="a"), Job("last")]
        await queue(scheduler, tasks, *jobs)
        for job in (jobs[1], jobs[2]):
            scheduler.cancel(job)
            assert job.finished.is_set()
            assert job.outcome is None
        assert scheduler.waiting == 2
        await let_go(fake, *jobs)
        assert fake.calls == [["busy"], ["a1"], ["last"]]


async def test_a_running_job_that_is_cancelled_is_told():
    """By its flag, and by its scope where it has one."""
    async with scheduling(fake := Fake()) as (scheduler, tasks):
        job = Job("busy")
        await queue(scheduler, tasks, job)
        job.scope = anyio.CancelScope()
        scheduler.cancel(job)
        assert job.cancelled
        assert job.scope.cancel_called
        await let_go(fake, job)


async def test_whoever_stops_waiting_cancels_the_job():
    """A job without an owner is not run."""
    async with scheduling(fake := Fake()) as (scheduler, tasks):
        await queue(scheduler, tasks, Job("busy"))
        job = Job("given up")
        with anyio.move_on_after(0):
            await scheduler.run(job)
        assert job.cancelled
        last = Job("last")
        await queue(scheduler, tasks, last)
        await let_go(fake, last)
        assert fake.calls == [["busy"], ["last"]]


async def test_a_job_that_waits_beyond_its_deadline_never_starts():
    """Its owner learns at the deadline, not when a slot comes free."""
    async with scheduling(fake := Fake()) as (scheduler, tasks):
        busy = Job("busy")
        await queue(scheduler, tasks, busy)
        with anyio.fail_after(5):
            assert await scheduler.run(Job("too late", deadline=anyio.current_time() + 0.02)) is None
            assert await scheduler.run(Job("over already", deadline=anyio.current_time() - 1)) is None
        last = Job("last", deadline=anyio.current_time() + 500)
        await queue(scheduler, tasks, last)
        await let_go(fake, busy, last)
        assert fake.calls == [["busy"], ["last"]]
        assert scheduler.waiting == 0


async def test_a_job_that_runs_beyond_its_deadline_is_waited_for():
    """What runs looks at the clock itself, and has something to give."""
    async with scheduling(fake := Fake()) as (scheduler, tasks):
        done = []

        async def wait():
            done.append(await scheduler.run(Job("slow", deadline=anyio.current_time() + 0.01)))

        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0.05):
            await anyio.sleep_forever()
        assert done == []
        fake.go.set()
        await anyio.wait_all_tasks_blocked()
        assert done == ["slow"]


async def test_an_executor_that_fails_fails_its_jobs_and_the_slot_lives_on():
    """The error is each job's outcome."""
    async with scheduling(fake := Fake()) as (scheduler, _):
        fake.held = False
        with anyio.fail_after(5):
            outcome = await scheduler.run(Job("fails"))
            assert isinstance(outcome, ValueError)
            assert await scheduler.run(Job("next")) == "next"
        assert scheduler.running == 0


async def test_slots_that_end_leave_nobody_waiting():
    """When the engine closes, every running job is finished."""
    fake, job = Fake(), Job("running")
    async with anyio.create_task_group() as owners, anyio.create_task_group() as slots:
        scheduler = Scheduler(fake, {"cpu": 1})
        scheduler.start(slots)
        owners.start_soon(scheduler.run, job)
        await anyio.wait_all_tasks_blocked()
        slots.cancel_scope.cancel()
    assert job.finished.is_set()
    assert job.outcome is None


async def test_many_jobs_from_many_owners_all_finish_once():
    """Slots, groups, priorities and cancellations together lose nobody."""
    async with scheduling(fake := Fake(), cpu=3) as (scheduler, _):
        fake.held = False
        outcomes = Counter()

        async def own(number):
            job = Job(number, priority=number % 4, group=("g", number % 3) if number % 2 else None)
            if number % 11 == 0:
                with anyio.move_on_after(0):
                    await scheduler.run(job)
                return
            outcomes[await scheduler.run(job)] += 1

        with anyio.fail_after(20):
            async with anyio.create_task_group() as owners:
                for number in range(500):
                    owners.start_soon(own, number)
        assert outcomes == Counter(number for number in range(500) if number % 11)
        ran = [work for call in fake.calls for work in call]
        assert len(ran) == len(set(ran))
        assert (scheduler.waiting, scheduler.running) == (0, 0)


async def test_schedulers_that_share_slots_take_turns():
    """Two with two slots each never run more than the two they share, and whoever came later is not starved."""
    shared = {"cpu": anyio.CapacityLimiter(2)}
    fake = Fake()
    async with anyio.create_task_group() as tasks:
        ours, theirs = (Scheduler(fake, {"cpu": 2}, shared=shared) for _ in range(2))
        for one in (ours, theirs):
            one.start(tasks)
        await anyio.wait_all_tasks_blocked()
        jobs = [Job(f"ours {i}") for i in range(6)] + [Job(f"theirs {i}") for i in range(2)]
        await queue(ours, tasks, *jobs[:6])
        await queue(theirs, tasks, *jobs[6:])
        assert fake.calls == [["ours 0"], ["ours 1"]]
        await let_go(fake, *jobs)
        assert fake.most["cpu"] == 2
        order = [call[0] for call in fake.calls]
        assert sorted(order) == sorted(job.work for job in jobs)
        assert max(order.index("theirs 0"), order.index("theirs 1")) < 5
        assert shared["cpu"].borrowed_tokens == 0
        tasks.cancel_scope.cancel()


async def test_a_job_taken_late_is_the_best_one_by_then():
    """A slot that waits for its turn chooses when it gets it, not when it began to wait."""
    shared = {"cpu": anyio.CapacityLimiter(1)}
    fake = Fake()
    async with anyio.create_task_group() as tasks:
        ours, theirs = (Scheduler(fake, {"cpu": 1}, shared=shared) for _ in range(2))
        for one in (ours, theirs):
            one.start(tasks)
        await anyio.wait_all_tasks_blocked()
        jobs = [Job("busy"), Job("first"), Job("urgent", priority=1)]
        await queue(theirs, tasks, jobs[0])
        await queue(ours, tasks, *jobs[1:])
        await let_go(fake, *jobs)
        assert fake.calls == [["busy"], ["urgent"], ["first"]]
        tasks.cancel_scope.cancel()
