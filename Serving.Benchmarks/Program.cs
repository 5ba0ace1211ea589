using System.Globalization;
using BenchmarkDotNet.Running;
using Serving.Benchmarks;

// "user-container PORT" is what the sidecar is measured in front of; anything else selects benchmarks.
if (args is ["user-container", var port])
{
    await UserContainer.RunAsync(int.Parse(port, CultureInfo.InvariantCulture));
    return;
}

BenchmarkSwitcher.FromAssembly(typeof(UserContainer).Assembly).Run(args);
