"""The mutants. Each is a fault that a loader can have without any of its usual tests noticing."""

from __future__ import annotations

from tests.faults.mutants.mutant import Edit, Mutant

_COMMITS = "tests/faults/test_commit_faults.py::"
_INTERLEAVINGS = "tests/faults/test_interleavings.py::test_rows_and_rejects_come_from_one_staging"
_RESTATED = "tests/faults/test_restated_faults.py::"

EXACTLY_ONCE = (
    Mutant(
        "the commit does not check the table for the files",
        f"{_COMMITS}test_a_commit_succeeds_exactly_once_despite_faults[connection dropped after the commit-person]",
        (
            Edit(
                "tables/commit.py",
                "checked_head.loaded if unchanged else loaded_digests(table, period.key, digests)",
                "set()",
            ),
        ),
    ),
    Mutant(
        "the commit does not check the head again after an exception",
        f"{_COMMITS}test_a_commit_succeeds_exactly_once_despite_faults[timeout after the commit-person]",
        (Edit("tables/commit.py", "unchanged = _head(table) == checked_head.head", "unchanged = True"),),
    ),
    Mutant(
        "pyiceberg may rebase a commit onto a head that nobody has checked",
        f"{_COMMITS}test_another_load_of_the_file_between_the_check_and_the_commit",
        (Edit("tables/commit_loop.py", "Transaction(_for_one_transaction(table))", "Transaction(table)"),),
    ),
    Mutant(
        "the ledger trusts snapshot summaries, which expire",
        f"{_COMMITS}test_a_file_counts_as_loaded_after_its_snapshot_expired",
        (
            Edit(
                "tables/ledger.py",
                "    requested = set(sha256s)\n    loaded: set[str] = set()\n",
                "    requested = set(sha256s)\n"
                "    summaries = [dict(snapshot.summary.additional_properties) for snapshot in table.snapshots()]\n"
                "    return requested if period_key in {each.get('gv.period') for each in summaries} else set()\n"
                "    loaded: set[str] = set()\n",
            ),
        ),
    ),
    Mutant(
        "the ledger ignores position deletes",
        "tests/unit/tables/test_position_deletes.py::test_rows_that_another_engine_deleted_are_not_in_the_ledger",
        (Edit("tables/scan.py", "if task.delete_files:", "if False:"),),
    ),
    Mutant(
        "the ledger trusts the bounds of a data file that has position deletes",
        "tests/unit/tables/test_position_deletes.py::test_rows_that_another_engine_deleted_are_not_in_the_ledger",
        (Edit("tables/ledger.py", "    if task.delete_files:\n        return None\n", ""),),
    ),
    Mutant(
        "a commit deletes its manifests after a conflict that was none",
        "tests/unit/tables/test_commit_loop.py::test_a_conflict_that_was_none_leaves_a_readable_table",
        (
            Edit(
                "catalog/file_io.py",
                '        """Keep the file. ',
                '        self._inner.delete(location)\n        """Keep the file. ',
            ),
        ),
    ),
    Mutant(
        "a commit lets pyiceberg delete files",
        "tests/unit/tables/test_commit_loop.py::test_a_conflict_that_was_none_leaves_a_readable_table",
        (Edit("tables/commit_loop.py", "io = NoDeleteFileIO(table.io)", "io = table.io"),),
    ),
    Mutant(
        "a commit forgets the table's history and tags",
        "tests/integration/tables/test_commit.py::test_commits_keep_the_tables_history_and_tags",
        (
            Edit(
                "tables/commit_loop.py",
                "            apply(transaction)\n",
                "            apply(transaction)\n"
                "            from pyiceberg.table.update import RemoveSnapshotRefUpdate, RemoveSnapshotsUpdate\n"
                "            tags = [name for name in table.metadata.refs if name != 'main']\n"
                "            head = table.metadata.current_snapshot_id\n"
                "            old = [each.snapshot_id for each in table.snapshots() if each.snapshot_id != head]\n"
                "            transaction._updates += tuple(RemoveSnapshotRefUpdate(ref_name=name) for name in tags)\n"
                "            if old:\n"
                "                transaction._updates += (RemoveSnapshotsUpdate(snapshot_ids=old),)\n",
            ),
        ),
    ),
    Mutant(
        "a commit waits forever for a catalog that does not answer",
        "tests/integration/catalog/test_create.py::test_a_catalog_that_accepts_and_never_answers_is_a_service_error",
        (Edit("catalog/rest.py", "timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)", "timeout=None"),),
    ),
)

ALL_OR_NOTHING = (
    Mutant(
        "a batch of which a part is loaded counts as loaded",
        "tests/integration/tables/test_staged_together.py::"
        "test_a_batch_that_another_load_partially_committed_is_refused_and_can_be_staged_again",
        (
            Edit(
                "tables/staged.py",
                "if missing_rejects or any(file.rows_valid for file in pending):",
                "if False:",
            ),
        ),
    ),
    Mutant(
        "a batch of which a part is loaded during the commit is loaded again",
        f"{_COMMITS}test_a_load_of_one_file_of_a_batch_between_the_check_and_the_commit",
        (
            Edit("tables/commit.py", "if missing_files and batch.digests_with_rows & loaded:", "if False:"),
            Edit(
                "tables/commit.py",
                "if batch.digests_with_rows.isdisjoint(loaded)]",
                "if not batch.digests_with_rows <= loaded]",
            ),
        ),
    ),
    Mutant(
        "of files staged together only the first file's rejects count",
        "tests/integration/tables/test_staged_together.py::test_the_rejects_of_every_file_count_towards_the_limit",
        (
            Edit(
                "tables/counts.py",
                "sum(file.rows_rejected for file in pending)",
                "sum(file.rows_rejected for file in pending[:1])",
            ),
        ),
    ),
    Mutant(
        "the schema id is missing in a staged manifest's name",
        "tests/unit/tables/test_staged.py::test_files_staged_for_other_column_types_are_refused",
        (Edit("tables/staged.py", "-{table.schema().schema_id}-", "-"),),
    ),
    Mutant(
        "an undo makes one commit per file",
        "tests/faults/test_undo_faults.py::test_an_undo_of_several_files_is_one_snapshot_per_table",
        (
            Edit(
                "tables/undo.py",
                "    metadata = commit_with_retry(catalog, contract.identifier, remove_rows).metadata\n",
                "    for wanted in [{sha256} for sha256 in sorted(wanted)]:\n"
                "        metadata = commit_with_retry(catalog, contract.identifier, remove_rows).metadata\n"
                "        commit_with_retry(catalog, rejects.identifier, remove_rejects)\n",
            ),
        ),
    ),
    Mutant(
        "an undo removes rejects before rows",
        "tests/faults/test_undo_faults.py::test_a_crashed_undo_never_leaves_rows_without_their_rejects",
        (
            Edit(
                "tables/undo.py",
                "    metadata = commit_with_retry(catalog, contract.identifier, remove_rows).metadata\n",
                "    commit_with_retry(catalog, rejects.identifier, remove_rejects)\n"
                "    metadata = commit_with_retry(catalog, contract.identifier, remove_rows).metadata\n",
            ),
            Edit("tables/undo.py", " - loaded.get(sha256, set())", ""),
        ),
    ),
)

ONE_STAGING = (
    Mutant(
        "a load that lost removes the winner's rejects",
        f"{_COMMITS}test_another_load_of_the_file_between_the_check_and_the_commit",
        (Edit("tables/rejects_sync.py", "present[sha256] & {staging} if has_lost", "present[sha256] if has_lost"),),
    ),
    Mutant(
        "a retry replaces rejects without checking whether they are its own",
        "tests/integration/tables/test_commit.py::"
        "test_a_delivery_with_too_many_rejects_is_refused_and_its_rejects_are_kept",
        (Edit("tables/rejects_sync.py", "else present[sha256] - {staging}", "else present[sha256]"),),
    ),
    Mutant(
        "a load does not follow its rows",
        f"{_INTERLEAVINGS}[load-person-1-undo]",
        (Edit("tables/rejects_sync.py", '        if self._sync("after rows"):\n', "        if False:\n"),),
    ),
    Mutant(
        "a load that follows its rows fences nothing off",
        f"{_INTERLEAVINGS}[undo-person_rejects-1-load]",
        (
            Edit(
                "tables/rejects_sync.py",
                'must_fence = phase == "after rows" and any(',
                "must_fence = False and any(",
            ),
        ),
    ),
    Mutant(
        "a replay does not check the staging",
        f"{_INTERLEAVINGS}[replay-person-1-undo]",
        (
            Edit("tables/replay.py", "if not same_load or (file not in missing", "if (file not in missing"),
            Edit("tables/replay.py", " or not same_load or not moved <=", " or not moved <="),
        ),
    ),
    Mutant(
        "a replay does not check which records the table holds",
        "tests/faults/test_replay_faults.py::test_the_next_replay_recovers_from_a_crash"
        "[killed_before_commit-person_rejects-same valid]",
        (
            Edit("tables/replay.py", "rereader.run(reader, loaded[sha256])", "rereader.run(reader, BitMap64())"),
            Edit(
                "tables/replay.py",
                "missing = [file for file in files if not file.now_valid & loaded[file.sha256]]",
                "missing = files",
            ),
        ),
    ),
)

RESTATED = (
    Mutant(
        "a replacing load keeps the old rows",
        "tests/integration/tables/test_restated.py::"
        "test_replace_takes_the_old_file_out_and_the_new_one_in_with_one_snapshot_per_table",
        (Edit("tables/commit.py", "leaving = restatements.leaving(table, comes)", "leaving = []"),),
    ),
    Mutant(
        "a replacing load removes the old rows in a snapshot of its own",
        f"{_RESTATED}test_a_replacement_succeeds_exactly_once_despite_faults[none-person]",
        (
            Edit(
                "tables/commit.py",
                "            replacement.added.extend(added)\n",
                "            replacement.apply(transaction, summary.to_properties())\n"
                "            attempted[append_files(transaction, added, summary.to_properties())] = files\n"
                "            return\n",
            ),
        ),
    ),
    Mutant(
        "a replacing load removes the old rejects before the rows",
        f"{_RESTATED}test_a_replacement_that_never_succeeds_leaves_the_old_file",
        (
            Edit("tables/commit.py", "        if not is_replacing:\n", "        if True:\n"),
            Edit("tables/rejects_sync.py", 'if phase in ("after rows", "check"):', "if True:"),
            Edit("tables/restated.py", "            if file.sha256 in loaded:\n", "            if False:\n"),
        ),
    ),
    Mutant(
        "a replacing load that ended before its rejects is never finished",
        f"{_RESTATED}test_a_replacement_is_finished_after_a_crash_at_any_of_its_commits"
        "[killed_before_commit-person_rejects-staged again]",
        (Edit("tables/rejects_sync.py", "    if not uris:\n", "    if True:\n"),),
    ),
    Mutant(
        "a replacing load does not notice an undo before its rejects",
        f"{_RESTATED}test_an_undo_of_the_new_file_before_its_rejects_come_leaves_none_of_them",
        (Edit("tables/rejects_sync.py", '            self._sync("check")', "            return"),),
    ),
    Mutant(
        "a late retry brings old content back",
        "tests/integration/tables/test_restated.py::test_a_late_retry_does_not_bring_the_old_content_back",
        (Edit("tables/restated.py", "        if newer:\n", "        if False:\n"),),
    ),
    Mutant(
        "an answer counts for files that the person did not see",
        "tests/integration/tables/test_restated.py::test_an_answer_is_not_valid_if_other_files_would_leave",
        (
            Edit(
                "tables/restated.py",
                "if not {file.sha256 for file in held} <= self.rule.agreed:",
                "if False:",
            ),
        ),
    ),
)

FILES = (
    Mutant(
        "a lost race for a landed copy's key is not noticed",
        "tests/integration/landing/test_land.py::test_bytes_that_replaced_ours_at_once_are_noticed",
        (Edit("landing/land.py", ' if stored and stored["ETag"] == uploaded.etag else None', ""),),
    ),
    Mutant(
        "records are split by counting quotes, wherever in a cell they are",
        "tests/unit/files/test_delimited.py::test_an_inch_mark_in_plain_text_and_newlines_in_quoted_text_are_text",
        (Edit("files/records.py", "if at and data[at - 1] not in opens_after:", "if False:"),),
    ),
    Mutant(
        "a signature that has expired or was revoked is accepted",
        "tests/unit/files/unpack/test_pgp.py::test_an_expired_or_revoked_signature_is_refused",
        (
            Edit(
                "files/unpack/pgp.py",
                '{"BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"}',
                '{"BADSIG", "ERRSIG"}',
            ),
            Edit("files/unpack/pgp.py", 'signers <= self._signers and "GOODSIG" in status', "signers <= self._signers"),
        ),
    ),
)

_CHECKS = "tests/integration/cli/test_checks.py::"

GATES = (
    Mutant(
        "the commit does not ask its gate",
        f"{_CHECKS}test_a_delivery_that_a_check_refuses_cannot_be_approved",
        (Edit("tables/commit.py", "if gate is not None:", "if False:"),),
    ),
    Mutant(
        "a report approves another staging",
        "tests/unit/quality/test_report.py::test_a_report_about_other_files_or_another_staging_approves_nothing",
        (Edit("quality/report.py", "if not report.covers(staged):", "if False:"),),
    ),
    Mutant(
        "a part that comes later is judged by itself",
        f"{_CHECKS}test_a_part_that_comes_later_is_judged_together_with_the_rows_that_are_loaded",
        (Edit("quality/check.py", "[*history.present, *data_files]", "data_files"),),
    ),
    Mutant(
        "keys that repeat in different blocks are not noticed",
        "tests/unit/quality/test_keys.py::test_repeated_keys_are_counted_exactly",
        (Edit("quality/keys.py", "            file.seek(0)\n", ""),),
    ),
    Mutant(
        "a data file without a count of NULL counts as one without NULL",
        "tests/unit/quality/test_profile.py::test_a_data_file_without_metrics_makes_a_column_unknown_and_not_zero",
        (Edit("quality/profile.py", "nulls = None if None in counts else", "nulls ="),),
    ),
    Mutant(
        "a profile shows the bounds of every column",
        "tests/unit/quality/test_profile.py::test_a_profile_contains_no_value_of_a_column_that_is_not_of_class_n",
        (Edit("quality/profile.py", 'column.pii != "N" or ', ""),),
    ),
)

MUTANTS = (*EXACTLY_ONCE, *ALL_OR_NOTHING, *ONE_STAGING, *RESTATED, *GATES, *FILES)
