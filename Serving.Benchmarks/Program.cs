using System.Globalization;
using BenchmarkDotNet.Running;
using Serving.Benchmarks;

// "user-container PORT" runs the program behind the measured sidecar, "soak HOST.dll [SECONDS] [HEAP-MiB]" runs a soak test of the gateway;
// other arguments select benchmarks.
if (args is ["user-container", var port])
{
    await UserContainer.RunAsync(int.Parse(port, CultureInfo.InvariantCulture));
    return;
}

if (args is ["soak", var host, .. var rest])
{
    int Number(int index, int absent) => rest.Length > index ? int.Parse(rest[index], CultureInfo.InvariantCulture) : absent;
    Environment.ExitCode = await SoakCommand.RunAsync(host, Number(0, 300), Number(1, 384));
    return;
}

BenchmarkSwitcher.FromAssembly(typeof(UserContainer).Assembly).Run(args);
