// SPDX-License-Identifier: GPL-2.0-only
///
/// An IOMMU driver must look at what pci_prepare_ats() and pci_enable_ats()
/// return, must decide at probe whether a function can use ATS, and must call
/// pci_disable_ats() if and only if it has enabled ATS.
///
//# What is found:
//# - A result that nobody looks at. Patch mode passes it on where the next
//#   statement has an error to handle, or where a flag is set next.
//# - ats_enabled set after pci_enable_ats() has failed: the next detach calls
//#   pci_disable_ats() for nothing. Patch mode mends it within one function.
//# - pci_ats_supported() asked again after the probe, directly or by way of a
//#   function that returns its answer. It can be another one by then, and what
//#   the probe has done is undone by halves. Report only: which of the driver's
//#   records is the right one, the semantic patch cannot know.
//# - ATS enabled and left so on an error, or by a driver that never disables it;
//#   disabled without a check that it is enabled. Report only.
//# - ATS disabled under a flag that nothing clears. Patch mode clears it.
//#
//# "At probe" is the .probe_device of the iommu_ops in the same file, and what
//# that calls, three calls deep. A function that is called from elsewhere too is
//# taken to be part of the probe.
///
// Confidence: Moderate
// Keywords: pci_prepare_ats, pci_enable_ats, pci_disable_ats, pci_ats_supported
// Options: --no-includes --include-headers

virtual patch
virtual context
virtual org
virtual report

@initialize:python depends on report@
@@
seen = set()
def tell(p, what):
    at = (p[0].file, p[0].line, p[0].column)
    if at not in seen:
        seen.add(at)
        coccilib.report.print_report(p[0], "WARNING: %s in %s" % (what, p[0].current_element))

@initialize:python depends on org@
@@
seen = set()
def tell(p, what):
    at = (p[0].file, p[0].line, p[0].column)
    if at not in seen:
        seen.add(at)
        coccilib.org.print_todo(p[0], "WARNING: %s in %s" % (what, p[0].current_element))

@ats depends on !patch@
@@

\(pci_prepare_ats\|pci_enable_ats\|pci_disable_ats\|pci_ats_supported\)(...)

//----------------------------------------------------------
//  A result that nobody looks at
//----------------------------------------------------------

// Assigned, and then not read before it is assigned again or goes out of scope.
@reread depends on ats@
local idexpression ret;
position r;
@@

ret@r = <+... ret ...+>

@overwritten depends on ats@
local idexpression ret;
identifier f = {pci_prepare_ats,pci_enable_ats};
position p;
position q != reread.r;
expression e;
@@

ret = f@p(...);
... when != ret
ret@q = e

@forgotten depends on ats@
local idexpression ret;
identifier i;
type T;
identifier f = {pci_prepare_ats,pci_enable_ats};
position p;
@@

(
ret = f@p(...);
... when != ret
|
T i = f@p(...);
... when != i
)

@dropped depends on ats@
identifier f = {pci_prepare_ats,pci_enable_ats};
position p;
@@

(
f@p(...);
|
 (void)f@p(...);
)

//----------------------------------------------------------
//  ats_enabled set although enabling has failed
//----------------------------------------------------------

// Cleared, or taken from where the PCI core keeps it.
@honest depends on ats@
expression x;
struct pci_dev *pdev;
symbol false;
position h;
@@

(
x->ats_enabled@h = \(0\|false\)
|
x->ats_enabled@h = <+... \(to_pci_dev(...)->ats_enabled\|pdev->ats_enabled\|
			  pci_enable_ats(...)\) ...+>
)

// The failure is told to the log, and to nobody else.
@told depends on ats@
identifier fn, log;
position p;
@@

fn(...)
{
<+...
(
if (pci_enable_ats@p(...)) { log(...); }
|
\(WARN\|WARN_ONCE\)(pci_enable_ats@p(...), ...);
|
\(WARN_ON\|WARN_ON_ONCE\)(pci_enable_ats@p(...));
)
...+>
}

@believed exists@
position told.p;
position q != honest.h;
expression x, e;
@@

pci_enable_ats@p(...)
... when any
x->ats_enabled@q = e

@believed_later depends on ats exists@
local idexpression ret;
identifier log;
expression x;
symbol true;
position q;
@@

ret = pci_enable_ats(...);
if (\(ret\|ret < 0\|ret != 0\)) { log(...); }
... when != ret
x->ats_enabled@q = \(1\|true\)

@believed_by_caller exists@
identifier told.fn;
position q != honest.h;
expression x, e;
@@

fn(...);
... when any
x->ats_enabled@q = e

//----------------------------------------------------------
//  Asked after the probe
//----------------------------------------------------------

@probe depends on ats@
identifier ops, fn;
@@

struct iommu_ops ops = { .probe_device = fn, };

// All calls of the probe, of what it calls, and of what that calls.
@probe1@
identifier probe.fn, fn1;
position p;
@@

fn(...) { <+... fn1@p(...) ...+> }

@probe2@
identifier probe1.fn1, fn2;
position p;
@@

fn1(...) { <+... fn2@p(...) ...+> }

@probe3@
identifier probe2.fn2, fn3;
position p;
@@

fn2(...) { <+... fn3@p(...) ...+> }

@answer depends on probe@
identifier fn;
position p;
@@

fn(...) { <+... return <+... pci_ats_supported@p(...) ...+>; ...+> }

@asked depends on probe@
position p != {probe1.p,probe2.p,probe3.p,answer.p};
@@

pci_ats_supported@p(...)

@asked_for@
identifier answer.fn;
position p != {probe1.p,probe2.p,probe3.p};
@@

fn@p(...)

//----------------------------------------------------------
//  Enabled and not disabled, disabled and not enabled
//----------------------------------------------------------

@disabled@
@@

pci_disable_ats(...)

@never_disabled depends on probe && !disabled@
position p;
@@

pci_enable_ats@p(...)

// Whoever records that ATS is on leaves it to others to disable it.
@left_on depends on ats exists@
local idexpression ret, err;
identifier undo =~ "disable";
expression x, e;
position p;
@@

(
ret = pci_enable_ats@p(...);
if (\(ret\|ret < 0\|ret != 0\)) { ... return ...; }
|
if (pci_enable_ats@p(...)) { ... return ...; }
)
... when != undo(...)
    when != x->ats_enabled = e
if (\(err\|err < 0\|err != 0\)) {
... when != undo(...)
return ...;
}

@guarded depends on ats && disabled exists@
expression x;
identifier flag =~ "ats|enabled";
position p;
@@

(
if (<+... x->flag ...+>) { ... when any
pci_disable_ats@p(...)
... when any
}
|
if (<+... x->flag ...+>) { ... return ...; }
... when any
pci_disable_ats@p(...)
|
pci_enable_ats(...)
... when any
pci_disable_ats@p(...)
)

// A test may do on purpose what is wrong.
@test depends on ats && disabled@
identifier fn, t;
position p;
@@

fn(..., struct kunit *t, ...) { <+... pci_disable_ats@p(...) ...+> }

@unguarded depends on ats && disabled@
identifier fn;
position p != {guarded.p,test.p};
@@

fn(...) { <+... pci_disable_ats@p(...) ...+> }

// All of its callers may have checked.
@checked exists@
expression x;
identifier unguarded.fn, flag =~ "ats";
position c;
@@

if (<+... x->flag ...+>) { ... when any
fn@c(...)
... when any
}

@unchecked@
identifier unguarded.fn;
position c != checked.c;
@@

fn@c(...)

// The PCI core clears its own.
@own depends on disabled@
struct pci_dev *pdev;
identifier flag;
position o;
@@

\(pdev\|to_pci_dev(...)\)->flag@o

@flagged depends on disabled exists@
expression x;
identifier flag =~ "ats";
position f != own.o;
position p;
@@

(
if (x->flag@f) { ... when any
pci_disable_ats@p(...);
... when any
}
|
if (!x->flag@f) { ... return ...; }
... when any
pci_disable_ats@p(...);
)

@set_on@
expression x;
identifier flagged.flag;
symbol true;
position c;
@@

x->flag@c = \(1\|true\)

@cleared@
expression x, e;
identifier flagged.flag;
position c != set_on.c;
@@

x->flag@c = e

//----------------------------------------------------------
//  For context mode
//----------------------------------------------------------

@depends on context@
identifier f;
position overwritten.p;
@@

* f@p(...)

@depends on context@
identifier f;
position forgotten.p;
@@

* f@p(...)

@depends on context@
identifier f;
position dropped.p;
@@

* f@p(...)

@depends on context@
expression x;
position believed.q;
@@

* x->ats_enabled@q

@depends on context@
expression x;
position believed_later.q;
@@

* x->ats_enabled@q

@depends on context@
expression x;
position believed_by_caller.q;
@@

* x->ats_enabled@q

@depends on context@
position asked.p;
@@

* pci_ats_supported@p(...)

@depends on context@
identifier fn;
position asked_for.p;
@@

* fn@p(...)

@depends on context@
position never_disabled.p;
@@

* pci_enable_ats@p(...)

@depends on context@
position left_on.p;
@@

* pci_enable_ats@p(...)

@depends on context && (!checked || unchecked)@
position unguarded.p;
@@

* pci_disable_ats@p(...)

@depends on context && !cleared@
position flagged.p;
@@

* pci_disable_ats@p(...)

//----------------------------------------------------------
//  For patch mode
//----------------------------------------------------------

@depends on patch && !cleared@
position flagged.p;
identifier flagged.flag;
expression flagged.x;
@@

pci_disable_ats@p(...);
+x->flag = false;

// Nothing has to be undone for a function that is prepared.
@depends on patch@
expression pdev, ps, e;
idexpression ret;
statement S;
@@

-pci_prepare_ats(pdev, ps);
+ret = pci_prepare_ats(pdev, ps);
+if (ret) S
ret = e;
if (\(ret\|ret < 0\|ret != 0\)) S

@depends on patch@
expression x, call;
symbol true;
@@

-pci_enable_ats(...)@call;
-x->ats_enabled = \(1\|true\);
+x->ats_enabled = !call;

@depends on patch@
identifier warn = {WARN_ON,WARN_ON_ONCE};
expression x, call;
symbol true;
@@

-warn(pci_enable_ats(...))@call;
-x->ats_enabled = \(1\|true\);
+x->ats_enabled = !call;

@depends on patch@
identifier log;
expression list args;
expression x, pdev, ps;
symbol true;
@@

-if (pci_enable_ats(pdev, ps)) { log(args); }
-x->ats_enabled = \(1\|true\);
+if (pci_enable_ats(pdev, ps))
+	log(args);
+else
+	x->ats_enabled = true;

//----------------------------------------------------------
//  For org and report mode
//----------------------------------------------------------

@script:python depends on org || report@
p << overwritten.p;
f << overwritten.f;
@@

tell(p, "result of %s() ignored" % f)

@script:python depends on org || report@
p << forgotten.p;
f << forgotten.f;
@@

tell(p, "result of %s() ignored" % f)

@script:python depends on org || report@
p << dropped.p;
f << dropped.f;
@@

tell(p, "result of %s() ignored" % f)

@script:python depends on org || report@
p << believed.q;
@@

tell(p, "ats_enabled set after pci_enable_ats() failed")

@script:python depends on org || report@
p << believed_later.q;
@@

tell(p, "ats_enabled set after pci_enable_ats() failed")

@script:python depends on org || report@
p << believed_by_caller.q;
@@

tell(p, "ats_enabled set after pci_enable_ats() failed")

@script:python depends on org || report@
p << asked.p;
@@

tell(p, "pci_ats_supported() asked after the probe")

@script:python depends on org || report@
p << asked_for.p;
@@

tell(p, "pci_ats_supported() asked after the probe")

@script:python depends on org || report@
p << never_disabled.p;
@@

tell(p, "pci_enable_ats() without any pci_disable_ats()")

@script:python depends on org || report@
p << left_on.p;
@@

tell(p, "ATS left enabled on an error")

@script:python depends on (org || report) && (!checked || unchecked)@
p << unguarded.p;
@@

tell(p, "pci_disable_ats() without a check")

@script:python depends on (org || report) && !cleared@
p << flagged.p;
@@

tell(p, "flag not cleared after pci_disable_ats()")
