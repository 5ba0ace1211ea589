using FluentAssertions;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using Serving.Dataplane.Statistics;

namespace Serving.Tests.Dataplane;

[TestFixture]
public sealed class StatCodecTests
{
    private static readonly Stat Full = new()
    {
        PodName = "pod",
        AverageConcurrentRequests = 1,
        AverageProxiedConcurrentRequests = 0.5,
        RequestCount = 2,
        ProxiedRequestCount = 3,
        ProcessUptime = 4,
        Timestamp = 300,
    };

    [Test]
    public void Writes_what_the_reference_implementation_writes()
    {
        // From protoc --encode=metrics.Stat.
        Convert
            .ToHexString(StatCodec.Encode(Full))
            .Should()
            .Be(
                "0A03706F64"
                    + "11000000000000F03F"
                    + "19000000000000E03F"
                    + "210000000000000040"
                    + "290000000000000840"
                    + "310000000000001040"
                    + "38AC02"
            );
    }

    [Test]
    public void Leaves_out_fields_that_have_their_default() => StatCodec.Encode(new Stat { PodName = "" }).Should().BeEmpty();

    [Test]
    public void Reads_what_it_wrote()
    {
        Prop.ForAll<NonNull<string>, NormalFloat, long>(
                (name, number, timestamp) =>
                {
                    // Lone surrogates have no UTF-8 form.
                    var stat = new Stat
                    {
                        PodName = new string([.. name.Get.Where(static c => !char.IsSurrogate(c))]),
                        AverageConcurrentRequests = number.Get,
                        RequestCount = number.Get,
                        Timestamp = timestamp,
                    };
                    return StatCodec.Decode(StatCodec.Encode(stat)).Equals(stat);
                }
            )
            .QuickCheckThrowOnFailure();
    }

    [Test]
    public void Reads_the_messages_it_wrote()
    {
        WireStatMessage[] messages = [new("default", "hello-00001", Full), new("other", "bye-00002", new Stat { PodName = "" })];
        StatCodec.DecodeMessages(StatCodec.Encode(messages)).Should().Equal(messages);
    }

    [Test]
    public void Skips_fields_it_does_not_know()
    {
        byte[] unknown = [(9 << 3) | 2, 2, 1, 2, (10 << 3) | 0, 5, (11 << 3) | 5, 1, 2, 3, 4];
        StatCodec.Decode([.. unknown, .. StatCodec.Encode(Full)]).Should().Be(Full);
    }

    [Test]
    public void Refuses_a_message_that_is_cut_off() =>
        FluentActions.Invoking(() => StatCodec.Decode(StatCodec.Encode(Full).AsSpan(0, 20))).Should().Throw<InvalidDataException>();
}
