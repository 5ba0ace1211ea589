using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.Api.Networking;

namespace Serving.Tests.Api;

public sealed class CertificateLifecycleTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Test]
    public void It_is_unknown_until_somebody_says_more() =>
        Ready(CertificateLifecycle.Initialize(new CertificateStatus(), Now)).Status.Should().Be("Unknown");

    [Test]
    public void It_becomes_ready_or_fails_with_a_reason()
    {
        var status = CertificateLifecycle.MarkNotReady(new CertificateStatus(), "Issuing", "on its way", Now);
        Ready(status)
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "Unknown",
                    Reason = "Issuing",
                    Message = "on its way",
                }
            );
        Ready(CertificateLifecycle.MarkFailed(status, "Refused", "no", Now))
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "Refused",
                    Message = "no",
                }
            );
        Ready(CertificateLifecycle.MarkReady(status, Now))
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "True",
                    Reason = "",
                    Message = "",
                }
            );
    }

    [Test]
    public void A_resource_of_somebody_else_is_a_failure() =>
        Ready(CertificateLifecycle.MarkResourceNotOwned(new CertificateStatus(), "CertManagerCertificate", "x", Now))
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = "NotOwned",
                    Message = "There is an existing CertManagerCertificate \"x\" that we do not own.",
                }
            );

    [TestCase(2, true)]
    [TestCase(1, false)]
    public void Only_the_newest_generation_counts(int observed, bool counts)
    {
        var certificate = new Certificate { Metadata = new ObjectMeta { Generation = 2 } };
        var ready = certificate with
        {
            Status = CertificateLifecycle.MarkReady(new CertificateStatus { ObservedGeneration = observed }, Now),
        };
        var failed = certificate with
        {
            Status = CertificateLifecycle.MarkFailed(new CertificateStatus { ObservedGeneration = observed }, "Refused", "no", Now),
        };

        CertificateLifecycle.IsReady(ready).Should().Be(counts);
        CertificateLifecycle.IsFailed(ready).Should().BeFalse();
        CertificateLifecycle.IsFailed(failed).Should().Be(counts);
        CertificateLifecycle.IsReady(failed).Should().BeFalse();
    }

    private static Condition Ready(CertificateStatus status) =>
        status.Conditions.Should().ContainSingle(condition => condition.Type == "Ready").Subject;
}
