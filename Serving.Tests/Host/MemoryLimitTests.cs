using FluentAssertions;
using NUnit.Framework;
using Serving.Host.Telemetry;

namespace Serving.Tests.Host;

public sealed class MemoryLimitTests
{
    private string _file = null!;

    [SetUp]
    public void SetUp() => _file = Path.GetTempFileName();

    [TearDown]
    public void TearDown() => File.Delete(_file);

    [TestCase("1073741824\n", ExpectedResult = 1073741824)]
    [TestCase("max\n", ExpectedResult = null)]
    [TestCase("9223372036854771712\n", ExpectedResult = null)]
    [TestCase("", ExpectedResult = null)]
    public long? Reads_the_limit_of_the_container(string text)
    {
        File.WriteAllText(_file, text);

        return MemoryLimit.Read(["/nowhere/memory.max", _file]);
    }

    [Test]
    public void Without_a_limit_it_is_the_memory_of_the_machine() => MemoryLimit.Read().Should().BeGreaterThan(1 << 26);
}
