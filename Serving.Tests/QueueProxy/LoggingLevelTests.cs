using FluentAssertions;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Serving.QueueProxy;

namespace Serving.Tests.QueueProxy;

public sealed class LoggingLevelTests
{
    [TestCase(null, null, LogLevel.Information)]
    [TestCase("", "", LogLevel.Information)]
    [TestCase("debug", """{"level":"error"}""", LogLevel.Debug)]
    [TestCase("", """{"level":"debug","encoding":"json"}""", LogLevel.Debug)]
    [TestCase("", """{"level":"WARN"}""", LogLevel.Warning)]
    [TestCase("loud", """{"level":"error"}""", LogLevel.Error)]
    [TestCase("", """{"level":1}""", LogLevel.Information)]
    [TestCase("", "[]", LogLevel.Information)]
    [TestCase("", "{", LogLevel.Information)]
    public void Its_own_level_goes_before_that_of_the_whole_configuration(string? level, string? config, LogLevel expected) =>
        LoggingLevel.Of(level, config).Should().Be(expected);
}
