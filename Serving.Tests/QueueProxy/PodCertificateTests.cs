using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.QueueProxy;
using Serving.Tests.Support;

namespace Serving.Tests.QueueProxy;

/// <summary>Renewal of the TLS port's certificate in a running sidecar.</summary>
[TestFixture]
public sealed class PodCertificateTests
{
    [Test]
    public void A_renewed_Secret_is_in_use_within_ten_seconds()
    {
        using var mounted = new PodCertificates();
        mounted.Mount("old");
        var time = new ManualTimeProvider();
        using var certificate = new PodCertificate(mounted.Directory, time, NullLogger.Instance);

        mounted.Mount("new");
        Subject(certificate).Should().Be("CN=old");
        time.Advance(TimeSpan.FromSeconds(10));

        Subject(certificate).Should().Be("CN=new");
    }

    [TestCase("rubbish")]
    [TestCase("mismatched")]
    [TestCase("gone")]
    public void One_that_cannot_be_used_leaves_the_old_one_in_use_until_the_next_and_is_reported_once(string what)
    {
        using var mounted = new PodCertificates();
        mounted.Mount("old");
        var time = new ManualTimeProvider();
        using var log = new RecordingLogs();
        using var certificate = new PodCertificate(mounted.Directory, time, log.CreateLogger("sidecar"));

        switch (what)
        {
            case "rubbish":
                mounted.MountRubbish();
                break;
            case "mismatched":
                mounted.MountMismatched("new");
                break;
            default:
                mounted.Unmount();
                break;
        }

        time.Advance(TimeSpan.FromSeconds(10));
        time.Advance(TimeSpan.FromSeconds(10));
        Subject(certificate).Should().Be("CN=old");
        log.Text.Split("the previous certificate stays in use").Should().HaveCount(2);

        mounted.Mount("new");
        time.Advance(TimeSpan.FromSeconds(10));
        Subject(certificate).Should().Be("CN=new");
    }

    [Test]
    public void Without_a_Secret_there_is_none()
    {
        using var mounted = new PodCertificates();
        PodCertificate.IsMounted(mounted.Directory).Should().BeFalse();
        mounted.Mount("any");
        PodCertificate.IsMounted(mounted.Directory).Should().BeTrue();
    }

    private static string Subject(PodCertificate certificate) => certificate.Current.TargetCertificate.Subject;
}
