/** Orders in memory: old ones are kept and not looked at, and a table of prices is read all the time. */
public class Orders {
    public static void main(String[] arguments) throws Exception {
        byte[][] cold = new byte[60][];
        for (int i = 0; i < cold.length; i++) {
            cold[i] = new byte[1 << 20];
            for (int j = 0; j < cold[i].length; j++) cold[i][j] = (byte) (j * 31 / (i + 7));
        }
        int[] prices = new int[1 << 20];
        System.out.println("loaded");
        long sum = 0;
        for (int round = 0; round < 900; round++) {
            for (int i = 0; i < prices.length; i += 1024) prices[i] += round;
            String text = "";
            for (int i = 0; i < 20; i++) text += i;
            sum += text.length();
            Thread.sleep(10);
        }
        System.out.println("done " + sum + " " + cold[7][7]);
    }
}
